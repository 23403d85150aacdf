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
)
@click.option("--options", is_flag=True, help="List the options of each target.")
def command(state: State, options: bool) -> None:
    """List the installed targets."""
    from kexport.target import targets

    found = list(targets().values())
    if state.data:
        print_json({"targets": [_to_json(t) for t in found]})
    elif not state.quiet:
        _print_options(found) if options else _print_targets(found)


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
