"""The models of a project: what each table says with what it takes over from others, and its variants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kexport.errors import ConfigError
from kexport.names import each_name, suggest
from kexport.project.find import ProjectFile, shown
from kexport.project.schema import Export
from kexport.project.typed import dotted

Table = Mapping[str, Any]
_OF_ITS_OWN = ("extends", "variants")
"""Keys that are about the table itself, and not about the export."""
OUT = "dist"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Plan:
    """One export that a project file describes."""

    name: str
    model: str
    """The table's name: that of the model, of which this may be a variant."""
    settings: Export
    file: ProjectFile
    keys: tuple[str, ...]
    """Where its table is."""

    def place(self, written: str) -> Path:
        """A path as written in the file."""
        return self.file.folder / written

    @property
    def out(self) -> Path:
        """The folder to write to."""
        return self.place(self.settings.out or OUT)

    @property
    def artifacts(self) -> str:
        """The name of its artifacts."""
        return self.settings.name or self.name

    def wrong(self, key: str, what: str, hint: str | None = None) -> ConfigError:
        """An error about one of its keys, with the line where it is set, in whatever table."""
        return self.file.wrong(self._set_at(key), what, hint)

    def _set_at(self, key: str) -> tuple[str, ...]:
        places = _places(self.file, self.keys)
        return next(((*p, key) for p in places if key in _at(self.file.tables, p)), self.keys)


def plans(file: ProjectFile) -> dict[str, Plan]:
    """All exports of a project file by name: its models that have a source, and their variants.

    Raises:
        ConfigError: a model extends itself or one that is not there, lacks a source or targets; or two would have
            one name.
    """
    models: Table = file.tables.get("models", {})
    if not models:
        hint = 'for example [models.digits] with source = "digits.keras" and to = ["onnx"]'
        raise file.wrong((), "there are no models in this file", hint)
    used = {name for table in models.values() for name in _extended(table)}
    made: dict[str, Plan] = {}
    for model in models:
        whole = merged(file, model)
        if "source" not in whole and model in used:
            continue
        for plan in _variants(file, model, whole):
            _check_name(plan, made)
            made[plan.name] = plan
    if not made:
        raise file.wrong(("models",), "all models of this file are templates", "give one of them a source")
    return made


def _check_name(plan: Plan, made: Mapping[str, Plan]) -> None:
    if not _NAME.fullmatch(plan.name):
        hint = "use letters, digits, '_', '-' and '.', and begin with a letter or digit"
        raise plan.file.wrong(plan.keys, f"{plan.name!r} cannot be the name of a model", hint)
    if plan.name in made:
        what = f"there are two exports of the name {plan.name!r}"
        raise plan.file.wrong(plan.keys, what, "rename one of the tables")
    for other in made.values():
        if (other.artifacts, other.out) == (plan.artifacts, plan.out):
            what = f"{other.name} and {plan.name} would both write {shown(plan.out)}/{plan.artifacts}.*"
            raise plan.wrong("name", what, f'give one of them a name: name = "{plan.name}"')


def chosen(made: Mapping[str, Plan], names: Sequence[str]) -> list[Plan]:
    """The exports of some names; that of a model means its variants too. Without names all of them.

    Raises:
        ConfigError: a name is that of none.
    """
    if not names:
        return list(made.values())
    found: dict[str, Plan] = {}
    for name in names:
        mine = [p for p in made.values() if name in (p.name, p.model)]
        if not mine:
            hint = suggest(name, made, "models")
            raise ConfigError(f"the project has no model {name!r}", hint=hint)
        found |= {p.name: p for p in mine}
    return list(found.values())


def merged(file: ProjectFile, model: str, children: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a model's table says, with what it takes over.

    Raises:
        ConfigError: it extends itself, or a model that is not there.
    """
    models: Table = file.tables.get("models", {})
    if model in children:
        circle = " → ".join((*children[children.index(model) :], model))
        raise file.wrong(
            ("models", children[-1], "extends"), f"a model extends itself: {circle}", "take one of them out"
        )
    table = models[model]
    found: dict[str, Any] = {} if _extended(table) else dict(file.tables.get("defaults", {}))
    for parent in _extended(table):
        if parent not in models:
            keys = ("models", model, "extends")
            raise file.wrong(keys, f"there is no model {parent!r} to extend", suggest(parent, models, "models"))
        found = _over(found, merged(file, parent, (*children, model)))
    return _over(found, {k: v for k, v in table.items() if k != "extends"})


def _extended(table: Table) -> tuple[str, ...]:
    return each_name(table.get("extends"), split=False) or ()


def _over(base: Table, more: Table) -> dict[str, Any]:
    """A table with another laid over it: tables in both are merged, all else is replaced."""
    both = {k: _over(base[k], v) for k, v in more.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **more, **both}


def _variants(file: ProjectFile, model: str, whole: Table) -> Iterator[Plan]:
    base = {k: v for k, v in whole.items() if k not in _OF_ITS_OWN}
    keys = ("models", model)
    variants: Table = whole.get("variants", {})
    yield _plan(file, model, model, base, keys)
    for variant, table in variants.items():
        name = f"{model}-{variant}"
        named = {"name": f"{base['name']}-{variant}"} if "name" in base else {}
        yield _plan(file, name, model, _over({**base, **named}, table), (*keys, "variants", variant))


def _plan(file: ProjectFile, name: str, model: str, table: Table, keys: tuple[str, ...]) -> Plan:
    needs = {
        "source": 'write where the model is: source = "model.keras"',
        "to": 'write the targets: to = ["onnx", "tflite"]; kexport targets lists them',
    }
    for key, hint in needs.items():
        if key not in table:
            raise file.wrong(keys, f"{dotted(keys)} has no {key}", hint)
    return Plan(name, model, msgspec.convert(table, Export), file, keys)


def _places(file: ProjectFile, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The tables that an export's settings come from, the nearest first."""
    yield keys
    model = keys[:2]
    if keys != model:
        yield model
    for parent in reversed(_extended(_at(file.tables, model))):
        yield from _places(file, ("models", parent, *keys[2:]))
    yield ("defaults",)


def _at(tables: Any, keys: Sequence[str]) -> Table:
    for name in keys:
        tables = tables.get(name, {})
    return tables
