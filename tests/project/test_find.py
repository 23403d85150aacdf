"""Project files are found, read, and refused with the line and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.errors import ConfigError
from kexport.project.find import find_project, read_project
from tests.project.conftest import Write

GOOD = '[models.digits]\nsource = "digits.keras"\nto = ["onnx"]\n'

WRONG = {
    "unknown key": (
        '[models.a]\nsource = "x"\n\nquantise = "int8"\n',
        4,
        "models.a has no key 'quantise'",
        "'quantize'?",
    ),
    "unknown table": ('[model.a]\nsource = "x"\n', 1, "the file has no key 'model'", "'models'?"),
    "unknown in variant": (
        '[models.a]\n[models.a.variants.x]\nsorce = "b"',
        3,
        "models.a.variants.x has no",
        "'source'?",
    ),
    "inline table": (
        '[models.a]\nto = [\n  "b",\n]\nvariants = { x = { nam = "b" } }',
        5,
        "models.a.variants.x",
        "'name'?",
    ),
    "wrong type": ("[models.a]\n\nsource = 1\n", 3, "models.a.source: expected text, got a whole number", None),
    "list of wrong type": ('[models.a]\nto = [\n  "b",\n  2,\n]\n', 2, "models.a.to: expected text, got a whole", None),
    "empty text": ('[models.a]\nsource = ""\n', 2, "models.a.source: expected text of length >= 1", None),
    "no list": ("[models.a]\nrequire = []\n", 2, "models.a.require: expected a list of length >= 1", None),
    "share without %": ('[models.a]\nmin_agreement = "99"\n', 2, 'models.a.min_agreement: "99" is nothing', '"99.5%"'),
    "size without unit": ('[models.a.max_size]\nonnx = "4"\n', 2, 'models.a.max_size.onnx: "4" is nothing', '"4 MB"'),
    "dim of nothing": (
        "[models.a.dims]\nbatch = 0\n",
        2,
        "models.a.dims.batch: expected a whole number >= 1",
        '"length"',
    ),
    "value of an option": ("[models.a.options.onnx]\nopset = [1]\n", 2, "models.a.options.onnx.opset: expected", None),
    "name with a dot": ('[models."a.b"]\nfoo = 1\n', 2, "models.\"a.b\" has no key 'foo'", "its keys"),
    "no table": ("models = 3\n", 1, "models: expected a table, got a whole number", None),
    "no TOML": ("[models.a]\nsource = x\n", 2, "this is no TOML: Invalid value", "for example"),
    "no end": ('[models.a]\nsource = """x\n', 3, "this is no TOML", "for example"),
    "key twice": ('[models.a]\nsource = "x"\nsource = "y"\n', 3, "this is no TOML: Cannot overwrite", "for example"),
}
"""Text, line, message, hint."""


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_said_with_its_line(written: Write, case: str) -> None:
    text, line, what, hint = WRONG[case]
    with pytest.raises(ConfigError) as raised:
        written(text)
    assert raised.value.where == f"kexport.toml:{line}"
    assert what in raised.value.what
    assert (hint or "") in (raised.value.hint or "")
    assert raised.value.exit_code == 3


def test_lines_are_those_of_pyproject_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.kexport.models.a]\nsource = 1\n')
    with pytest.raises(ConfigError, match=r"models\.a\.source: expected text") as raised:
        find_project()
    assert raised.value.where == "pyproject.toml:5"


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nkexport = 3\n", "[tool", ""])
def test_another_pyproject_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        find_project()
    assert "kexport init" in (raised.value.hint or "") or "expected a table" in raised.value.what


def test_the_nearest_file_is_taken(written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(GOOD)
    (tmp_path / "pyproject.toml").write_text('[tool.kexport.models.a]\nsource = "b"\n')
    inner = tmp_path / "app" / "src"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_project().path == tmp_path / "kexport.toml"
    (tmp_path / "app" / "pyproject.toml").write_text('[tool.kexport.models.c]\nsource = "b"\n')
    assert find_project().tables == {"models": {"c": {"source": "b"}}}
    assert find_project(tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"\nx = '\xff'\n", "no UTF-8"), (b"x = " + b"[" * 5000, "TOML|too deep"), (b"#" * (5 << 20), "longer than")],
)
def test_what_is_no_text_of_ours_is_refused(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "kexport.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=what):
        read_project(path)


def test_a_missing_file_and_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_project(tmp_path / "other.toml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no kexport\.toml here") as raised:
        find_project()
    assert "kexport init" in (raised.value.hint or "")
