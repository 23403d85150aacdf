"""Reads recipes: presets by name and TOML files; and writes them.

A file, every part of which may be left out:

    base = "int8"            # a preset whose rules come first
    ranges = "minmax"        # or mse, percentile:99.9
    weights = "mse"
    io = "int8"              # or a table: [io] image = "uint8"

    [[rule]]
    layer = "encoder/*/norm"
    op = "*"
    scheme = "float32"
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.quantize.recipes.presets import PRESETS
from kexport.quantize.recipes.recipe import EVERY, IO, LayerRule, Recipe

SUFFIX = ".toml"
LONGEST = 1 << 20
"""Bytes of a recipe."""
_KEYS = ("base", "ranges", "weights", "io", "rule")
_RULE_KEYS = ("layer", "op", "scheme")


def find_recipe(spec: str | Path | Recipe, io: str | Mapping[str, str] | None = None) -> Recipe:
    """A recipe: itself, a preset by name, or what a TOML file says.

    Args:
        spec: which recipe.
        io: types of inputs and outputs instead of those of the recipe.

    Raises:
        ConfigError: no such preset or file, or one that makes no sense; says where and what is meant.
    """
    recipe = spec if isinstance(spec, Recipe) else _find(spec)
    return recipe if io is None else dataclasses.replace(recipe, io=_io(io, recipe.name))


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        ConfigError: see `find_recipe`.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise ConfigError("it is longer than a recipe can be", where=str(path), hint="give a file of rules")
        data = tomllib.loads(text.decode())
    except FileNotFoundError:
        hint = suggest(path.name, PRESETS, "presets")
        raise ConfigError("there is no such recipe", where=str(path), hint=hint) from None
    except (OSError, ValueError, RecursionError) as e:
        what = f"the recipe cannot be read: {e}"
        raise ConfigError(what, where=str(path), hint="write it as the README of kexport/quantize shows") from e
    return _recipe(data, path.stem, str(path))


def recipe_text(recipe: Recipe, comments: Iterable[str] = ()) -> str:
    """A recipe as TOML, with remarks on top."""
    lines = [
        *(f"# {c}" for c in comments),
        f"ranges = {_quoted(recipe.ranges)}",
        f"weights = {_quoted(recipe.weights)}",
    ]
    if recipe.io:
        lines += ["", "[io]", *(f"{_quoted(name)} = {_quoted(type)}" for name, type in recipe.io)]
    for rule in recipe.rules:
        lines += ["", "[[rule]]", *(f"{key} = {_quoted(getattr(rule, key))}" for key in _RULE_KEYS)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Text as TOML has it: JSON's escapes are TOML's too, but for the one of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _find(spec: str | Path) -> Recipe:
    if isinstance(spec, str) and spec in PRESETS:
        return PRESETS[spec]
    path = Path(spec)
    if path.suffix != SUFFIX and not path.is_file():
        hint = f"{suggest(spec, PRESETS, 'presets')}; or give a {SUFFIX} file"
        raise ConfigError(f"there is no recipe {str(spec)!r}", hint=hint)
    return read_recipe(path)


def _recipe(data: Mapping[str, Any], name: str, where: str) -> Recipe:
    _check_keys(data, _KEYS, where)
    base = _text(data.get("base", ""), "base", where)
    if base and base not in PRESETS:
        raise ConfigError(f"there is no preset {base!r}", where=where, hint=suggest(base, PRESETS, "presets"))
    given = data.get("rule", [])
    if not isinstance(given, list) or not all(isinstance(r, dict) for r in given):
        raise ConfigError("'rule' is no list of tables", where=where, hint="begin each rule with a line [[rule]]")
    rules = tuple(_rule(r, f"{where}, rule {i}") for i, r in enumerate(given, 1))
    rules = (*PRESETS[base].rules, *rules) if base else rules
    if not rules:
        raise ConfigError("the recipe has no rules", where=where, hint='write for example base = "int8"')
    how = {key: _text(data[key], key, where) for key in ("ranges", "weights") if key in data}
    try:
        return Recipe(name, rules, _io(data.get("io", {}), where), **how)
    except ConfigError as e:
        raise e.located(where) from None


def _rule(data: Mapping[str, Any], where: str) -> LayerRule:
    _check_keys(data, _RULE_KEYS, where)
    if "scheme" not in data:
        raise ConfigError("the rule has no scheme", where=where, hint='write for example scheme = "int8"')
    return LayerRule(*(_text(data.get(key, EVERY), key, where) for key in _RULE_KEYS))


def _io(given: Any, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(given, str):
        given = {EVERY: given}
    if not isinstance(given, Mapping) or not all(isinstance(v, str) for v in given.values()):
        hint = f'write io = "int8", or a table of names; types: {", ".join(IO)}'
        raise ConfigError("'io' is neither a type nor a table of types", where=where, hint=hint)
    return tuple(sorted(given.items()))


def _text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str) or not (value or key == "base"):
        raise ConfigError(f"{key!r} is {value!r}, not a name", where=where, hint=f'write {key} = "..."')
    return value


def _check_keys(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(f"there is no setting {key!r}", where=where, hint=suggest(key, known, "settings"))
