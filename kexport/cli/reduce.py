"""`kexport reduce`: cuts a model down to the smallest part that still diverges."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.progress import progress
from kexport.cli.shared import arguments, check_options, model_options
from kexport.printable import counted

SHOWN = 8
"""Ops named in the output; further ones are counted."""
_FILES = {
    False: "the artifact is not the file that kexport emits for this model now",
    True: "kexport emits this very file for the model now, and fails only with all of it",
    None: "the artifact cannot be emitted again here",
}


@subcommand(
    "reduce",
    "Reduce a divergence to a few ops.",
    ("write the smallest part of a model that still fails", "kexport reduce dist/ -o reduced/"),
    ("of one artifact, in one runtime", "kexport reduce dist/ --target onnx --runtime onnxruntime-cpu -o reduced/"),
    ("run the artifact of the part again", "kexport verify reduced/"),
    ("emit the part again, after a change of kexport", "kexport reduce --check reduced/"),
)
@click.argument("dist")
@click.option("-o", "--out", default="reduced", show_default=True, metavar="DIR", help="Folder to write to.")
@click.option("--check", is_flag=True, help="DIST is such a folder: emit its part again and run it.")
@click.option("--target", metavar="TARGET", help="Which artifact. Default: the first that fails.")
@click.option("--runtime", metavar="NAME", help="Which runtime. Default: the first in which it fails.")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--reference", metavar="FILE", help="Reference to compare with. Default: the one in DIST.")
@click.option("--browser", is_flag=True, help="Look into artifacts in a headless Chrome or Chromium, too.")
@click.option("--model", help="The model, where DIST does not hold its graph.")
@model_options
@check_options
def command(state: State, dist: str, out: str, check: bool, **rest: Any) -> int:
    """Find the first layer that diverges, and write the smallest part of the model that still does.

    The folder holds the part as text (reduced.kx), its weights, inputs, expected outputs and artifact.
    """
    if check:
        return _check(state, dist, rest["timeout"])
    from kexport.workflows import reduce

    with progress(state) as show:
        report = reduce(dist, out, progress=show, **arguments(rest))
    if state.data:
        print_json(report.to_json())
    elif not state.quiet:
        click.echo(described(report))
    return 0


def described(report: Any) -> str:
    """Print what was reduced, and how to run it again."""
    place = f"{report.model}, {report.target} in {report.runtime}"
    layer = f"layer {report.layer!r}: {report.located}" if report.layer else report.located
    more = f", and {len(report.ops) - SHOWN} more" if len(report.ops) > SHOWN else ""
    ops = f"{counted(len(report.ops), 'op')}: {', '.join(report.ops[:SHOWN])}{more}"
    if report.reproduced:
        found = f"reduced to {ops}\nemitted on its own: {report.reason}"
    else:
        found = (
            f"not reproduced: what kexport emits for this part now is right ({report.reason})\n"
            f"{_FILES[report.same_file]}: the divergence was located in that file only; the part around it: {ops}"
        )
    again = f"run it again: kexport verify {report.path}\nemit it again: kexport reduce --check {report.path}"
    return f"{place}: {layer}\n{found}\n{again}"


def _check(state: State, folder: str, timeout: float) -> int:
    from kexport.verify.status import Status
    from kexport.workflows import check_reduced

    report, verdict = check_reduced(folder, timeout)
    failed = verdict.status is Status.FAILED
    if state.data:
        print_json(report.to_json() | {"status": verdict.status.value, "verdict": verdict.to_json()})
    elif not state.quiet:
        what = "still diverges" if failed else f"is {verdict.status.value} now"
        click.echo(f"{report.target} in {report.runtime}: the part {what}: {verdict.reason}")
    return int(failed)
