"""Models take over what others and the defaults say, and have variants."""

from __future__ import annotations

import pytest

from kexport.errors import ConfigError
from kexport.project.models import Plan, chosen, plans
from tests.project.conftest import Write

FULL = """
[defaults]
require = "verified"
out = "build"
options.onnx.opset = 21

[models.base]
to = ["onnx", "tflite"]
dims = { batch = 1 }
options.tflite.c_array = true

[models.digits]
extends = "base"
source = "digits.keras"
dims = { length = 8 }
options.onnx.opset = 18

[models.digits.variants.small]
quantize = "int8-weights"
to = ["tflite"]
"""


def test_what_is_taken_over(written: Write) -> None:
    made = plans(written(FULL))
    assert list(made) == ["digits", "digits-small"]
    digits = made["digits"].settings
    assert digits.require == "verified"
    assert digits.to == ["onnx", "tflite"]
    assert digits.dims == {"batch": 1, "length": 8}
    assert digits.options == {"onnx": {"opset": 18}, "tflite": {"c_array": True}}
    assert not digits.quantize
    small = made["digits-small"]
    assert (small.settings.to, small.settings.quantize) == (["tflite"], "int8-weights")
    assert small.settings.dims == digits.dims
    assert (small.out.name, small.artifacts) == ("build", "digits-small")


def test_a_table_that_extends_several_takes_the_last_one_first(written: Write) -> None:
    text = '[models.a]\nto = ["onnx"]\nout = "a"\n[models.b]\nout = "b"\n'
    made = plans(written(text + '[models.c]\nsource = "c.keras"\nextends = ["a", "b"]\n'))
    assert (made["c"].settings.to, made["c"].settings.out) == (["onnx"], "b")


def test_the_models_of_names(written: Write) -> None:
    made = plans(written(FULL))
    assert [p.name for p in chosen(made, ())] == ["digits", "digits-small"]
    assert [p.name for p in chosen(made, ["digits"])] == ["digits", "digits-small"]
    assert [p.name for p in chosen(made, ["digits-small"])] == ["digits-small"]
    with pytest.raises(ConfigError, match="no model 'digit'") as raised:
        chosen(made, ["digit"])
    assert "did you mean 'digits'" in (raised.value.hint or "")


def test_an_error_has_the_line_of_the_table_that_sets_the_key(written: Write) -> None:
    made = plans(written(FULL))
    assert lines(made["digits-small"], "quantize", "to", "dims", "require", "trust") == [19, 20, 15, 3, 18]
    assert lines(made["digits"], "to", "dims", "options") == [8, 15, 16]


def lines(plan: Plan, *keys: str) -> list[int]:
    return [int((plan.wrong(key, "x").where or "").rpartition(":")[2]) for key in keys]


BAD = {
    "none": ("", 1, "there are no models"),
    "no source": ('[models.a]\nto = ["onnx"]\n', 1, "models.a has no source"),
    "no targets": ('\n[models.a]\nsource = "a"\n', 2, "models.a has no to"),
    "templates alone": ('[models.a]\nout = "x"\nextends = "b"\n[models.b]\nextends = "a"', 5, "a → b → a"),
    "itself": ('[models.a]\nsource = "a"\nextends = "a"\n', 3, "a model extends itself: a → a"),
    "circle": (
        '[models.a]\nextends = ["b"]\n[models.b]\nextends = "c"\n[models.c]\n\nextends = "b"\n',
        7,
        "b → c → b",
    ),
    "extends nothing": ('[models.digits]\nsource = "a"\nextends = "digit"\n', 3, "there is no model 'digit' to extend"),
    "two of a name": (
        '[models.a]\nsource = "a"\nto = ["x"]\n[models.a.variants.b]\nout = "c"\n'
        '[models.a-b]\nsource = "b"\nto = ["x"]\n',
        6,
        "two exports of the name 'a-b'",
    ),
    "one place": (
        '[models.a]\nsource = "a"\nto = ["x"]\nname = "m"\n[models.b]\nsource = "b"\nto = ["x"]\nname = "m"\n',
        8,
        "a and b would both write dist/m.*",
    ),
    "a path as name": ('[models."../a"]\nsource = "a"\nto = ["x"]\n', 1, "'../a' cannot be the name"),
}
"""Text, line, message."""


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_sense_is_refused(written: Write, case: str) -> None:
    text, line, what = BAD[case]
    with pytest.raises(ConfigError) as raised:
        plans(written(text))
    assert raised.value.where == f"kexport.toml:{line}"
    assert what in raised.value.what
    assert raised.value.hint
