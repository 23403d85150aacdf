"""Converts between the contract and Core ML's arrays: names, element types, scalars, images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport.ir.contract import Contract, Port
from kexport.ir.op import Array
from kexport_coreml.description import IMAGES_KEY
from kexport_coreml.dtypes import ARRAY_DTYPES
from kexport_coreml.reader import public_names


class Border:
    """Converts inputs of the contract to what a model declares, and its outputs back."""

    def __init__(self, model: Any, contract: Contract):
        self._contract = contract
        names = public_names(model)
        self._inputs, self._outputs = (_stand_ins(names.get(w, {})) for w in ("inputs", "outputs"))
        self._features = {f.name: f.type for f in model.description.input}
        self._images = json.loads(model.description.metadata.userDefined.get(IMAGES_KEY, "{}"))

    def enter(self, inputs: Mapping[str, Array], pictures: bool = False) -> dict[str, Any]:
        """Convert inputs, by the model's names; images become pictures on request, else pixels that may be fractions.

        Raises:
            VerifyError: an input is missing, or integers do not fit into int32.
        """
        found: dict[str, Any] = {}
        for port in self._contract.inputs:
            if port.name not in inputs:
                raise VerifyError(f"the input {port.name!r} is missing")
            name = self._inputs.get(port.name, port.name)
            array = np.asarray(inputs[port.name])
            if port.name in self._images:
                pixels = _pixels(array, self._images[port.name])
                found[name] = _picture(pixels) if pictures else pixels
            else:
                found[name] = self._array(name, port, array)
        return found

    def _array(self, name: str, port: Port, array: Array) -> Array:
        wanted = ARRAY_DTYPES[self._features[name].multiArrayType.dataType].numpy
        limits = np.iinfo(np.int32)
        if wanted.kind == "i" and array.size and (array.min() < limits.min or array.max() > limits.max):
            raise VerifyError(f"the input {port.name!r} does not fit into int32, the widest integers of Core ML")
        return (array if array.ndim else array.reshape(1)).astype(wanted)

    def leave(self, results: Mapping[str, Any]) -> dict[str, Array]:
        """Outputs by public name, with the element types of the contract."""
        found: dict[str, Array] = {}
        for port in self._contract.outputs:
            array = np.asarray(results[self._outputs.get(port.name, port.name)])
            array = array if port.type.rank else array.reshape(())
            found[port.name] = array.astype(port.type.dtype.numpy)
        return found


def _stand_ins(names: Mapping[str, str]) -> dict[str, str]:
    """The model's names by public names."""
    return {public: own for own, public in names.items()}


def _pixels(array: Array, image: Mapping[str, Any]) -> Array:
    """Return the bytes from which scale and bias compute these inputs, channels first."""
    pixels = (array - np.asarray(image["bias"])) / np.asarray(image["scale"])
    return np.moveaxis(pixels, -1, 1).astype(np.float32)


def _picture(pixels: Array) -> Any:
    from PIL import Image

    whole = np.clip(np.round(np.moveaxis(pixels[0], 0, -1)), 0, 255).astype(np.uint8)
    return Image.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole)
