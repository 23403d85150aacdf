"""`kexport report`: writes a page about the artifacts of a folder."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.progress import progress
from kexport.cli.shared import arguments, model_options, timeout_option
from kexport.errors import ConfigError


@subcommand(
    "report",
    "Write a page about exported artifacts.",
    ("what is known already", "kexport report dist/ -o report.html"),
    ("with latencies: measure them first", "kexport bench dist/"),
    ("with the error of every layer, measured now", "kexport report dist/ --locate"),
    ("of a model whose graph the folder does not hold", "kexport report dist/ --locate --model model.keras"),
)
@click.argument("dist")
@click.option(
    "-o", "--output", "out", default="report.html", show_default=True, metavar="FILE", help="The file to write."
)
@click.option("--name", help="Which model. Default: all that DIST holds.")
@click.option("--locate", is_flag=True, help="Find the error of every layer first, as `kexport verify --locate` does.")
@click.option("--model", help="With --locate: the model, where DIST does not hold its graph.")
@timeout_option("With --locate: for each runtime.")
@model_options
def command(state: State, dist: str, out: str, name: str | None, locate: bool, timeout: float, **rest: Any) -> int:
    """Write one HTML file, which loads nothing, about the artifacts in DIST.

    The page shows targets side by side, error by layer, cost by layer, the graph, and how each was measured. Nothing
    is run except for --locate. Measurements of `kexport bench` and `kexport verify --locate` are included.
    """
    chosen = arguments(rest)
    if not locate and any(chosen.values()):
        raise ConfigError("--model and what says how to read it belong to --locate", hint="add --locate")
    from kexport.report.write import write_report

    code = _locate(state, dist, name, timeout, chosen) if locate else 0
    written = write_report(dist, out, name=name)
    if state.data:
        print_json(written.to_json())
    elif not state.quiet:
        for model, found in written.models.items():
            counts = ", ".join(f"{n} {status}" for status, n in Counter(found.values()).items())
            click.echo(f"{written.path}: {model}: {counts or 'no artifacts'}")
    return code


def _locate(state: State, dist: str, name: str | None, timeout: float, chosen: dict[str, Any]) -> int:
    """Locate divergences in the artifacts of one model, or of all."""
    from pathlib import Path

    from kexport.workflows import locate
    from kexport.workflows.manifest import find_folder, read_manifest

    names = [name] if name else sorted(read_manifest(find_folder(Path(dist))))
    with progress(state) as show:
        codes = [locate(dist, name=n, timeout=timeout, progress=show, **chosen).exit_code for n in names]
    return max(codes, default=0)
