"""`kexport inspect`: shows the layers of a model, or the contents of an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.rules import rule_notes, verbose_option
from kexport.cli.shared import arguments, model_options, reading_options, timeout_option


@subcommand(
    "inspect",
    "Show what is in a model or artifact.",
    ("the layers of a model", "kexport inspect model.keras"),
    ("its graph as text, as captured", "kexport inspect model.keras --graph"),
    ("its graph as the targets get it", "kexport inspect model.keras --graph --optimize"),
    ("the inputs and outputs of an artifact", "kexport inspect dist/model.onnx"),
)
@click.argument("file")
@click.option("--graph", is_flag=True, help="Print the whole graph as text.")
@click.option("--optimize", is_flag=True, help="After the passes that every target shares.")
@reading_options
@model_options
@timeout_option("For reading FILE.")
@verbose_option
def command(state: State, file: str, graph: bool, optimize: bool, timeout: float, **rest: Any) -> None:
    """Show what is in FILE: a model as `kexport export` takes it, or an artifact."""
    from kexport.workflows import artifact_target, inspect_artifact, inspect_model

    if artifact_target(Path(file)) is not None:
        if graph or optimize:
            raise click.UsageError("--graph and --optimize are for models, not for artifacts")
        summary: Any = inspect_artifact(Path(file), timeout)
    else:
        with rule_notes(state):
            summary = inspect_model(file, optimize=optimize, timeout=timeout, **arguments(rest))
    if state.data:
        print_json(summary.to_json() | ({"graph": summary.text} if graph else {}))
    elif graph:
        click.echo(summary.text)
    elif not state.quiet:
        _print(summary)


def _print(summary: Any) -> None:
    from kexport.cli.render import print_fitting_table, print_table, stdout
    from kexport.report.words import size_text

    layers = getattr(summary, "layers", None)
    console = stdout()
    if layers is None:
        facts = [f"{name} {value}" for name, value in summary.facts.items() if name != "runs_in"]
        shown = ", ".join([summary.target, size_text(summary.size), *facts])
        console.print(f"{summary.path}: {shown}", markup=False, soft_wrap=True)
    else:
        console.print(f"{summary.name}: {summary.parameters:,} parameters", markup=False, soft_wrap=True)
    ports = [("input", p) for p in summary.contract.inputs] + [("output", p) for p in summary.contract.outputs]
    print_table(("", "name", "type"), [[kind, port.name, str(port.type)] for kind, port in ports])
    if layers is not None:
        rows = [[x.path, _ops(x.ops), f"{x.parameters:,}", size_text(x.bytes), x.output] for x in layers]
        columns = ("layer", "ops", "parameters", "size", "output")
        print_fitting_table(columns, rows, ("parameters", "size"), below=("ops", "output"), drop=("size",))


def _ops(names: list[str]) -> str:
    """List op names in order of appearance, repeated ones with their count."""
    return " ".join(f"{n}×{names.count(n)}" if names.count(n) > 1 else n for n in dict.fromkeys(names))
