"""`kexport verify`: checks artifacts again, here, against their recorded reference."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, subcommand
from kexport.cli.export import print_outcome
from kexport.cli.progress import print_took, progress
from kexport.cli.remote import remote_options, verifier
from kexport.cli.shared import arguments, check_options, model_options, require_option
from kexport.cli.values import read_targets
from kexport.errors import ConfigError

_FOR_MODELS = ("model", "dims", "custom", "trust")


@subcommand(
    "verify",
    "Verify exported artifacts again, here.",
    ("everything in a folder; needs no Keras", "kexport verify dist/"),
    ("one artifact", "kexport verify dist/model.onnx"),
    ("against a reference recorded on another machine", "kexport verify dist/ --reference reference.safetensors"),
    ("in a headless browser as well", "kexport verify dist/ --browser"),
    ("in one runtime, even one that does not run by default", "kexport verify dist/ --runtime tflm"),
    ("on a board", "kexport verify check.zip --on ssh://pi@raspberrypi --python '~/venv/bin/python'"),
    ("find the first layer that diverges", "kexport verify dist/ --locate --plot layers.svg"),
    ("in a script", "kexport verify dist/ --json > report.json"),
    ("in CI", "kexport verify dist/ --junit results/kexport.xml"),
)
@click.argument("dist")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--reference", metavar="FILE", help="Reference to compare with. Default: the one in DIST.")
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    metavar="NAME,...",
    help="Runtimes to use. Default: all that run without being named.",
)
@click.option("--browser", is_flag=True, help="Run artifacts in a headless Chrome or Chromium, too.")
@require_option
@click.option("--locate", is_flag=True, help="Find the first layer that diverges, in every runtime.")
@click.option("--plot", metavar="FILE", help="With --locate: an SVG of the error by layer.")
@click.option("--model", help="With --locate: the model, where DIST does not hold its graph.")
@model_options
@check_options
@remote_options
def command(
    state: State,
    dist: str,
    runtimes: tuple[str, ...],
    locate: bool,
    plot: str | None,
    on: str | None,
    python: str | None,
    ssh_config: str | None,
    **rest: Any,
) -> int:
    """Verify artifacts in their runtimes on this machine, or on another one.

    DIST is a folder that `kexport export` wrote, one artifact in it, or a bundle. A damaged file fails its check.
    The findings of --locate are kept in kexport.layers.json beside the manifest, for `kexport report`.
    """
    chosen = arguments(rest) | ({"runtimes": read_targets(runtimes)} if runtimes else {})
    _refuse_runtimes(runtimes, on, locate)
    if locate:
        _refuse_remote(on)
        _refuse_verdicts(state, chosen.pop("require"))
        return _locate(state, dist, plot, chosen)
    _require_locate(plot, {name: chosen.pop(name) for name in _FOR_MODELS})
    verify = verifier(on, python, ssh_config)
    with progress(state) as show:
        report = verify(dist, progress=show, **chosen)
    code = print_outcome(report, state)
    print_took(state, show)
    return code


def _locate(state: State, dist: str, plot: str | None, chosen: dict[str, Any]) -> int:
    from kexport.cli.layers import print_locations
    from kexport.workflows import locate

    with progress(state) as show:
        report = locate(dist, progress=show, **chosen)
    return print_locations(report, state, plot)


def _refuse_runtimes(runtimes: tuple[str, ...], on: str | None, locate: bool) -> None:
    if runtimes and (on or locate):
        other = "--on" if on else "--locate"
        raise ConfigError(
            f"{other} uses all runtimes that run by default", where="--runtime", hint="leave out one of them"
        )


def _refuse_remote(on: str | None) -> None:
    if on:
        raise ConfigError("--locate looks into artifacts on this machine", hint="leave out --on, or --locate")


def _refuse_verdicts(state: State, required: Any) -> None:
    if state.junit or required:
        option = "--junit" if state.junit else "--require"
        raise ConfigError(f"{option} is for verdicts, which --locate does not give", hint="leave out one of them")


def _require_locate(plot: str | None, given: dict[str, Any]) -> None:
    if plot or any(given.values()):
        raise ConfigError("--plot, --model and what says how to read it belong to --locate", hint="add --locate")
