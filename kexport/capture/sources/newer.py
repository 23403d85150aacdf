"""Adapts the config of a file from another version of Keras 3 to the installed one."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport.capture.sources.config import KERAS_PACKAGES
from kexport.capture.sources.settings import LISTS_OF_TENSORS, NAME, OPERATIONS, POLICIES_ARE_NAMES, RENAMED, SETTINGS
from kexport.capture.versions import Version, minor, running, written
from kexport.errors import CaptureError, KexportWarning


@dataclass
class Translation:
    """A config for another version: the settings left out, and those that this version lacks."""

    version: Version
    left_out: dict[str, None] = field(default_factory=dict[str, None])
    lacking: list[tuple[str, Version]] = field(default_factory=list[tuple[str, Version]])
    changed: bool = False

    def of(self, value: Any, where: str = "") -> Any:
        """Convert a value to what this version would have written."""
        if isinstance(value, list):
            return [self.of(v, where) for v in value]
        if not isinstance(value, dict):
            return value
        inner = value.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("name"), str) and value.get("class_name") != "DTypePolicy":
            where = f"{where}/{inner['name']}" if where else inner["name"]
        made = {k: self._converted(k, v, where) for k, v in value.items()}
        if isinstance(inner, dict) and _is_keras(value):
            made["config"] = self._settings(value, made["config"], where)
            since, former = RENAMED.get(value["class_name"], ((0, 0), ""))
            if self.version < since:
                made["class_name"] = former
                self.changed = True
        return made

    def _converted(self, key: str, value: Any, where: str) -> Any:
        if key == "dtype":
            return self._dtype(value)
        if key in ("input_layers", "output_layers") and self.version < LISTS_OF_TENSORS and _is_tensor(value):
            self.changed = True
            return [value]
        return self.of(value, where)

    def _settings(self, value: dict[str, Any], config: dict[str, Any], where: str) -> dict[str, Any]:
        name = str(value["class_name"])
        is_operation = str(value.get("module")).startswith("keras.src.ops")
        known = {"name": NAME, **OPERATIONS.get(name, {})} if is_operation else SETTINGS.get(name, {})
        kept = {}
        for key, value in config.items():
            setting = known.get(key)
            if setting is None or setting.exists_in(self.version):
                kept[key] = value
            elif setting.is_neutral(value):
                self.left_out |= {} if setting is NAME else {f"{name}.{key}": None}
                self.changed = True
            else:
                kept[key] = value
                self.lacking.append((f"{where or '<model>'}: {name} with {key}={value!r}", setting.since))
        return kept

    def _dtype(self, value: Any) -> Any:
        """A policy as its name, which is all that the oldest versions know."""
        if self.version >= POLICIES_ARE_NAMES or not isinstance(value, dict):
            return self.of(value)
        config = value.get("config")
        config = config if isinstance(config, dict) else {}
        self.changed = True
        if "mode" in config:
            return f"{config['mode']}_from_{config.get('source_name')}"
        return config.get("name", value)


def translate(config: dict[str, Any], version: Version, theirs: str, where: str) -> tuple[dict[str, Any], list[str]]:
    """A config, written by Keras `theirs`, for another version, and the settings that were left out of it.

    Raises:
        CaptureError: a layer is set to what this version does not have; names all of them.
    """
    found = Translation(version)
    made = found.of(config)
    if found.lacking:
        lines = "\n".join(f"  {text}, which came with Keras {written(since)}" for text, since in found.lacking)
        newest = written(max(since for _, since in found.lacking))
        raise CaptureError(
            f"the file was written by Keras {theirs}; this is {written(version)}, which does not have:\n{lines}",
            where=where,
            hint=f"pip install 'keras>={newest}'",
        )
    return (made if found.changed else config), list(found.left_out)


def for_this_keras(config: dict[str, Any], theirs: str, path: Path) -> dict[str, Any]:
    """The config of a file that Keras `theirs` wrote, as the Keras which is here would have written it.

    Raises:
        CaptureError: a layer is set to what this version does not have.
    """
    ours = running("keras")
    if minor(theirs) == ours:
        return config
    theirs = theirs if re.fullmatch(r"[\w.+-]{1,40}", theirs) else "of no known version"
    made, left_out = translate(config, ours, theirs, str(path))
    if minor(theirs) > ours:
        warnings.warn(_remark(path, theirs, ours, left_out), KexportWarning, stacklevel=4)
    return made


def _remark(path: Path, theirs: str, ours: Version, left_out: list[str]) -> str:
    text = f"{path} was written by Keras {theirs}, newer than this {written(ours)}, and is what this one makes of it"
    return f"{text}; left out, being as if they were not there: {', '.join(left_out)}" if left_out else text


def _is_tensor(value: Any) -> bool:
    """Whether it is a tensor of a functional model: layer, number of its call, number of its result."""
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)


def _is_keras(value: dict[str, Any]) -> bool:
    """Whether it is an object of Keras itself: files of .h5 name its classes without a module."""
    module = value.get("module")
    registered = value.get("registered_name")
    if not isinstance(value.get("class_name"), str) or (isinstance(registered, str) and ">" in registered):
        return False
    return module is None or (isinstance(module, str) and module.split(".")[0] in KERAS_PACKAGES)
