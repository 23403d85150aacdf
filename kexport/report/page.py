"""Renders the page from its templates. Everything that comes from a model is escaped there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kexport
from kexport.printable import printable
from kexport.report.by_layer import Layer, layers_of
from kexport.report.by_target import MEANINGS, TargetRow, statuses, targets_of
from kexport.report.drawing import Drawing, draw
from kexport.report.error_plot import Plot, error_plot
from kexport.report.facts import Facts
from kexport.report.timing import LayerTimes, Timings, layer_times, timings_of
from kexport.report.words import count_text, ratio_text, seconds_text, size_text

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """One model, ready to be shown."""

    facts: Facts
    targets: tuple[TargetRow, ...]
    layers: tuple[Layer, ...]
    plot: Plot | None
    plot_why: str
    """The reason why there is no plot, and the command that makes one."""
    drawing: Drawing | None
    timings: Timings | None
    layer_times: LayerTimes | None
    worst: str
    """The status of the worst artifact."""

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)


def render_page(models: Sequence[Facts]) -> str:
    """Render the whole page; equal facts give equal bytes."""
    import jinja2

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    env.filters |= {
        "size": size_text,
        "count": count_text,
        "ratio": ratio_text,
        "seconds": seconds_text,
        "share": _share,
        "breakable": _breakable,
    }
    style, script = (_asset(name) for name in ("style.css", "script.js"))
    sections = [_section(f) for f in models]
    return env.get_template("page.html").render(
        sections=sections,
        totals=statuses([row for s in sections for row in s.targets]),
        meanings=MEANINGS,
        style=style,
        script=script,
        script_hash=_hash(script),
        version=kexport.__version__,
    )


def _section(facts: Facts) -> Section:
    targets = targets_of(facts)
    locations = facts.locations()
    plot = error_plot(locations)
    found = statuses(targets)
    return Section(
        facts,
        targets,
        layers_of(facts),
        plot,
        "" if plot else _why_no_plot(facts),
        draw(facts),
        timings_of(facts),
        layer_times(facts),
        found[0][0] if found else "",
    )


def _why_no_plot(facts: Facts) -> str:
    if facts.layers is not None and not facts.locations():
        notes = list(dict.fromkeys(x.note for x in facts.layers.locations if x.note))
        return "; ".join(notes) if notes else "What was recorded is of other files. Record it again"
    return "The error by layer was not recorded"


def _asset(name: str) -> Any:
    """Read one of our own files, the only content that is not escaped."""
    from markupsafe import Markup

    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _hash(script: str) -> str:
    """Return the hash by which the page's policy allows its only script."""
    return base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()


def _shown(value: Any) -> Any:
    """Format a value for the page; characters that reorder text are escaped as on a terminal."""
    return type(value)(printable(value)) if isinstance(value, str) else value


def _share(value: float | None, total: float) -> str:
    """Return the length of a bar, in percent."""
    return f"{100 * (value or 0) / total if total else 0:.1f}%"


def _breakable(path: str) -> Any:
    """Escape a layer path and let it break after its slashes."""
    from markupsafe import Markup

    return Markup("/<wbr>").join(path.split("/"))
