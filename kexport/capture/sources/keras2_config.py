"""The config of a Keras 2 model that was found harmless, as tf_keras is to see it: without what only training needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kexport.capture.sources.allowed.keras2 import home_of
from kexport.capture.sources.config import HOLD_FUNCTIONS

Config = dict[str, Any]


def without_training(value: Any) -> Any:
    """A copy without the compile settings of the model and of all models in it."""
    if isinstance(value, list):
        return [without_training(v) for v in value]
    if not isinstance(value, dict):
        return value
    kept = {k: v for k, v in value.items() if k != "compile_config" or "class_name" not in value}
    return {k: without_training(v) for k, v in kept.items()}


def settled(value: Any, custom: Collection[str]) -> Any:
    """A copy in which every class has one home: the user's objects, or the module of tf_keras that holds it.

    Modules beside functions of the user are left out: Keras 2 puts all that they hold among its own names.
    """
    if isinstance(value, list):
        return [settled(v, custom) for v in value]
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    made = {k: settled(v, custom) for k, v in value.items()}
    if not isinstance(name, str):
        return made
    if name in HOLD_FUNCTIONS and isinstance(made.get("config"), dict):
        made["config"] = _without_modules(made["config"])
    return {**made, **_home(name, value, custom)}


def _without_modules(config: Mapping[str, Any]) -> Config:
    return {k: None if k == "module" or k.endswith("_module") else v for k, v in config.items()}


def _home(name: str, value: Config, custom: Collection[str]) -> Config:
    """The entries of a class' config that say where it lives, mended."""
    module = value.get("module")
    if name == "function" or not isinstance(module, str):
        return {}
    if name in custom and value.get("registered_name") not in custom:
        return {"registered_name": name}
    home = home_of(name, module)
    return {"module": home} if home else {}
