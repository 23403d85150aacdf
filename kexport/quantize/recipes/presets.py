"""Recipes by name: one for each scheme, for all layers."""

from __future__ import annotations

from kexport.quantize.recipes.recipe import EVERY, LayerRule, Recipe
from kexport.quantize.recipes.scheme import KEPT, SCHEMES

PRESETS: dict[str, Recipe] = {
    name: Recipe(name, (LayerRule(EVERY, EVERY, name),)) for name in SCHEMES if name != KEPT.name
}
"""What `--quantize NAME` takes. The names say what is stored and computed."""
