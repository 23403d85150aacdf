"""What is said of versions of Keras and TensorFlow, and how calls of older versions are brought to the newest names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kexport.capture.tracing.calls import FORMER, present
from kexport.capture.versions import OLDEST, TESTED, minor, refuse_old, remark, standing
from kexport.errors import CaptureError, ConfigError


@pytest.mark.parametrize(
    ("text", "found"),
    [("3.15.1", (3, 15)), ("3.3", (3, 3)), ("2.22.0.dev20261105", (2, 22)), ("3.10.0rc1", (3, 10)), ("", (0, 0))],
)
def test_versions_are_read(text: str, found: Any) -> None:
    assert minor(text) == found


@pytest.mark.parametrize(
    ("package", "text", "state"),
    [
        ("keras", "3.3.3", "tested"),
        ("keras", "3.10.0", "tested"),
        ("keras", "3.2.1", "too old"),
        ("keras", "2.15.0", "too old"),
        ("keras", "3.99.0", "newer than tested"),
        ("keras", "4.0.0", "newer than tested"),
        ("tensorflow", "2.16.2", "tested"),
        ("tensorflow", "2.9.0", "too old"),
        ("tensorflow", "2.99", "newer than tested"),
    ],
)
def test_a_version_is_tested_newer_or_too_old(package: str, text: str, state: str) -> None:
    assert standing(package, text) == state


@pytest.mark.parametrize(("package", "text"), [("keras", "3.2.1"), ("keras", "2.15.0"), ("tensorflow", "2.15.1")])
def test_what_is_too_old_is_refused_with_a_way_out(package: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_old(package, text)
    oldest = ".".join(map(str, OLDEST[package]))
    assert f"{text} is installed; kexport needs" in str(caught.value)
    assert f"'{package}>={oldest}'" in str(caught.value.hint)


def test_nothing_is_said_of_tested_versions() -> None:
    for package, known in TESTED.items():
        assert [remark(package, f"{a}.{b}.0") for a, b in known] == [None] * len(known)
        assert known[0] == OLDEST[package]
        refuse_old(package, f"{known[0][0]}.{known[0][1]}.0")
    assert "verification" in str(remark("keras", "3.99.0"))


def test_an_old_keras_is_refused_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.capture.sources import frameworks

    monkeypatch.setitem(frameworks.sys.modules, "keras", SimpleNamespace(__version__="3.2.1"))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match=r"Keras 3\.2\.1 is installed; kexport needs Keras 3\.3 or newer"):
        frameworks.import_keras()


def test_former_names_of_arguments_become_the_present_ones() -> None:
    assert present("image.resize", {"image": 1, "size": 2}) == {"images": 1, "size": 2}
    assert present("image.resize", {"images": 1, "size": 2}) == {"images": 1, "size": 2}
    assert present("numpy.dot", {"x": 1, "y": 2}) == {"x1": 1, "x2": 2}
    assert present("numpy.sin", {"x": 1}) == {"x": 1}


def test_all_lowerings_with_former_names_take_the_present_ones(keras: Any) -> None:
    import inspect

    from kexport.capture import lowering

    for label, names in FORMER.items():
        if label in lowering.TABLE.frames:
            assert set(names.values()) <= inspect.signature(lowering.TABLE.frames[label]).parameters.keys(), label


def test_a_call_with_an_argument_that_is_not_known_is_left_to_its_ops(keras: Any) -> None:
    from kexport.capture.not_lowered import NotLowered
    from kexport.capture.tracing.calls import call_lowering
    from kexport.capture.tracing.frames import Frame

    def lower(ctx: Any, x: Any) -> Any:
        return x

    def older(x: Any) -> Any:
        return x

    def newer(x: Any, slope: Any = 0) -> Any:
        return x

    ctx: Any = None
    assert call_lowering(lower, ctx, Frame("nn.relu", 1, args=(1,), function=older)) == 1
    with pytest.raises(NotLowered, match="takes other arguments"):
        call_lowering(lower, ctx, Frame("nn.relu", 1, args=(1,), function=newer))


def test_what_is_not_there_to_be_imported_is_told(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a version to come has moved a module that capture cannot do without."""
    import sys

    from kexport.capture.load import load
    from kexport.capture.tracing.start import trace

    x = keras.Input((3,))
    source = load(keras.Model(x, keras.layers.Dense(2)(x)))
    monkeypatch.delitem(sys.modules, "kexport.capture.tracing.run", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.func_graph", None)
    with pytest.raises(CaptureError, match=r"cannot work beside Keras 3\.\d+, TensorFlow 2\.\d+: .*func_graph") as e:
        trace(source)
    assert str(e.value.hint).startswith("pip install 'keras<=3.")


def test_names_are_as_they_come_where_they_cannot_be_numbered_anew(monkeypatch: pytest.MonkeyPatch, keras: Any) -> None:
    import sys

    from kexport.capture.sources.frameworks import fresh_names

    monkeypatch.setitem(sys.modules, "keras.src.backend.common", None)
    with fresh_names():
        assert keras.layers.Dense(1).name
