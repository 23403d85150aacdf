"""`kexport targets`: the installed targets, their runtimes and their options."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand


@subcommand(
    "targets",
    "List the targets and their options.",
    ("what can be exported to", "kexport targets"),
    ("the options of every target, for export -O", "kexport targets --options"),
    ("which operations each target has", "kexport targets --ops"),
)
@click.option("--options", is_flag=True, help="List the options of each target.")
@click.option("--ops", is_flag=True, help="List every operation of the graph, and how each target has it.")
def command(state: State, options: bool, ops: bool) -> None:
    """List the installed targets."""
    from kexport.target import targets

    if options and ops:
        raise click.UsageError("give one of --options and --ops")
    if ops:
        _ops(state)
        return
    found = list(targets().values())
    if state.data:
        print_json({"targets": [_to_json(t) for t in found]})
    elif not state.quiet:
        _print_options(found) if options else _print_targets(found)


def _ops(state: State) -> None:
    from kexport.cli.render import print_table
    from kexport.workflows.matrix import support_matrix

    rows = support_matrix()
    if state.data:
        print_json({"ops": [row._asdict() for row in rows]})
    elif not state.quiet:
        print_table(("op", "meaning", *rows[0].support), [[r.op, r.meaning, *r.support.values()] for r in rows])


def _print_targets(found: list[Any]) -> None:
    from kexport.cli.render import print_table

    rows = [[t.name, t.title, t.suffix, ", ".join(r.name for r in t.runtimes())] for t in found]
    print_table(("target", "format", "suffix", "runtimes"), rows)


def _print_options(found: list[Any]) -> None:
    from kexport.cli.options import option_fields
    from kexport.cli.render import print_table

    rows = [[f"{t.name}.{f.name}", f.values, f.default, f.help] for t in found for f in option_fields(t.options)]
    print_table(("option", "values", "default", "meaning"), rows)


def _to_json(target: Any) -> dict[str, Any]:
    from kexport.cli.options import option_fields

    return {
        "name": target.name,
        "title": target.title,
        "suffix": target.suffix,
        "runtimes": [r.name for r in target.runtimes()],
        "options": [f._asdict() for f in option_fields(target.options)],
    }
