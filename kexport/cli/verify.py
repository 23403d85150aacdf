"""`kexport verify`: checks artifacts again, here, against their recorded reference."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, subcommand
from kexport.cli.export import print_outcome
from kexport.cli.progress import progress
from kexport.cli.remote import remote_options, verifier
from kexport.cli.shared import arguments, check_options


@subcommand(
    "verify",
    "Verify exported artifacts again, here.",
    ("everything in a folder; needs no Keras", "kexport verify dist/"),
    ("one artifact", "kexport verify dist/model.onnx"),
    ("against a reference recorded on another machine", "kexport verify dist/ --reference reference.safetensors"),
    ("in a headless browser as well", "kexport verify dist/ --browser"),
    ("on a board", "kexport verify check.zip --on ssh://pi@raspberrypi --python '~/venv/bin/python'"),
    ("in a script", "kexport verify dist/ --json > report.json"),
)
@click.argument("dist")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--reference", metavar="FILE", help="Reference to compare with. Default: the one in DIST.")
@click.option("--browser", is_flag=True, help="Run artifacts in a headless Chrome or Chromium, too.")
@check_options
@remote_options
def command(state: State, dist: str, on: str | None, python: str | None, ssh_config: str | None, **rest: Any) -> int:
    """Verify artifacts in their runtimes on this machine, or on another one.

    DIST is a folder that `kexport export` wrote, one artifact in it, or a bundle. A damaged file fails its check.
    """
    chosen = arguments(rest)
    verify = verifier(on, python, ssh_config)
    with progress(state) as show:
        report = verify(dist, progress=show, **chosen)
    return print_outcome(report, state)
