"""`kexport bundle`: packs artifacts, reference and the code that checks them into one file."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.export import target_names
from kexport.cli.values import read_targets


@subcommand(
    "bundle",
    "Pack a check into one file that runs anywhere.",
    ("everything in a folder", "kexport bundle dist/ -o check.zip"),
    ("then check it here", "kexport verify check.zip"),
    ("one target of one model", "kexport bundle dist/ --name digits --to tflite -o check.zip"),
)
@click.argument("dist")
@click.option("-o", "--out", default="check.zip", show_default=True, metavar="FILE", help="File to write.")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--to", multiple=True, metavar="TARGET,...", shell_complete=target_names, help="Default: all of them.")
@click.option("--reference", metavar="FILE", help="Reference to compare with. Default: the one in DIST.")
def command(state: State, dist: str, out: str, name: str | None, to: tuple[str, ...], reference: str | None) -> int:
    """Pack the artifacts of DIST with their reference and a runner.

    DIST is a folder that `kexport export` wrote, or one artifact in it. Python 3.11, NumPy and the artifact's engine
    are all that the other machine needs: `python check.zip`, or `kexport verify check.zip` where kexport is installed.
    """
    from kexport.replay.pack import bundle

    made: Any = bundle(dist, out, name=name, to=read_targets(to), reference=reference)
    if state.data:
        print_json(made.to_json())
    elif not state.quiet:
        from kexport.report.words import size_text

        click.echo(f"{made.path}: {made.model} for {', '.join(made.targets)}, {size_text(made.size)}")
    return 0
