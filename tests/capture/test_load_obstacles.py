"""What is in the way of a file, said all at once, with a class to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.sources.config import Reference
from kexport.capture.sources.guard import Verdict, refuse
from kexport.errors import CaptureError

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture(params=[("keras", "keras"), ("keras", "h5"), ("tf_keras", "keras"), ("tf_keras", "h5")], ids="-".join)
def blocked(request: pytest.FixtureRequest, keras: Any, tf_keras: Any, tmp_path: Path) -> tuple[Path, str]:
    """A file with a lambda that is not understood before a layer of a class that is not there, and its framework."""
    name, ending = request.param
    framework = {"keras": keras, "tf_keras": tf_keras}[name]

    class Patches(framework.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, patch_size: int, width: int = 4, **options: Any):
            super().__init__(**options)
            self.patch_size = patch_size
            self.width = width

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "patch_size": self.patch_size, "width": self.width}

    Patches.__module__ = "notebook"
    x = framework.Input((4,))
    odd = framework.layers.Lambda(lambda v: v if v.shape[-1] else -v, name="odd")
    framework.Model(x, Patches(3, name="patches")(odd(x))).save(tmp_path / f"m.{ending}")
    return tmp_path / f"m.{ending}", name


def test_all_obstacles_are_named_at_once(blocked: tuple[Path, str]) -> None:
    path, _ = blocked
    with pytest.raises(CaptureError) as caught:
        load(path)
    assert "odd: a lambda" in caught.value.what
    assert "patches: class Patches" in caught.value.what
    assert "<model>" not in caught.value.what


def test_the_class_to_start_from_works(blocked: tuple[Path, str], tmp_path: Path) -> None:
    path, framework = blocked
    with pytest.raises(CaptureError) as caught:
        load(path)
    _, _, text = caught.value.what.partition("a file for --custom begins so:\n")
    lines = [line.removeprefix("    ") for line in text.splitlines()]
    (tmp_path / f"{framework}_classes.py").write_text("\n".join(lines).replace("...", "return inputs") + "\n")
    x = np.ones((2, 4), "float32")
    source = load(path, custom=[str(tmp_path / f"{framework}_classes.py")], replace={"odd": "x"})
    np.testing.assert_array_equal(source.run([x])[0], x)


def test_classes_of_a_package_name_the_package() -> None:
    pytest.importorskip("keras_hub", reason="keras-hub is the package")
    found = [
        Reference("b", "class", "Backbone", "keras_hub.models.b", "keras_hub>Backbone", options=("name", "layers"))
    ]
    with pytest.raises(CaptureError) as caught:
        refuse(found, lambda _: Verdict.UNKNOWN, "m.keras", "")
    assert "here --custom keras_hub" in str(caught.value.hint)
    assert "begins so" not in caught.value.what
