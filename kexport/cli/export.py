"""`kexport export`: exports a Keras model to verified artifacts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.junit import write_junit
from kexport.cli.options import read_options
from kexport.cli.progress import print_took, progress
from kexport.cli.rules import rule_notes, verbose_option
from kexport.cli.shared import (
    arguments,
    inputs_option,
    judge_options,
    model_options,
    reading_options,
    require_option,
    timeout_option,
)
from kexport.cli.values import read_targets


def target_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete --to from the names of the entry points, without loading a target."""
    from importlib.metadata import entry_points

    from kexport.target import GROUP

    return sorted(e.name for e in entry_points(group=GROUP) if e.name.startswith(incomplete))


@subcommand(
    "export",
    "Export a model and verify the artifacts.",
    ("to every installed target, verified", "kexport export model.keras -o dist/"),
    ("to ONNX only, with the batch size fixed", "kexport export model.keras --to onnx --dim batch=1 -o dist/"),
    ("name a dynamic axis of an input", "kexport export encoder.keras --dim ids:1=length -o dist/"),
    ("check on your own samples too", "kexport export model.keras --inputs samples.npz -o dist/"),
    ("against a run on a GPU box", "kexport export model.keras --reference gpu.safetensors -o dist/"),
    ("a model that a function returns", "kexport export my_package.models:build --name tiny -o dist/"),
    ("in eight bits", "kexport export model.keras --quantize int8 --calibrate samples.npz -o dist/"),
    ("an option of a target", "kexport export model.keras --to onnx -O onnx.opset=21 -o dist/"),
)
@click.argument("model")
@click.option(
    "--to", multiple=True, metavar="TARGET,...", shell_complete=target_names, help="Default: all usable ones."
)
@click.option("-o", "--out", default="dist", show_default=True, metavar="DIR", help="Folder to write to.")
@click.option("--name", help="Name of the artifacts. Default: that of the model's file, else the model's own.")
@reading_options
@model_options
@click.option("--verify/--no-verify", default=True, help="Run every artifact in its real runtime. Default: verify.")
@click.option("--layers", is_flag=True, help="Keep the captured graph whole, however large, for verify --locate.")
@require_option
@click.option("--strict", is_flag=True, help="Write nothing if one target refuses the model.")
@click.option("--keep", is_flag=True, help="Leave artifacts of another model that DIR holds under the same name.")
@click.option("--quantize", metavar="RECIPE", help="int8, int8-weights, or a TOML file of rules for layers.")
@click.option("--calibrate", metavar="DATA", help="Data for int8: an .npz, .npy, or folder of arrays or images.")
@click.option("--budget", metavar="TERMS", help="Leave layers in float until it is met: 'agreement>=99.5%, size<=60%'.")
@click.option("--min-snr", type=float, metavar="DB", help="Fail where quantization leaves less of the outputs.")
@click.option("--min-agreement", metavar="PERCENT", help="Fail where fewer decisions are those of the float model.")
@inputs_option
@click.option("--only-inputs", "only_samples", is_flag=True, help="Verify on the samples of --inputs alone.")
@click.option("--reference", metavar="FILE", help="Verify against this reference, recorded elsewhere.")
@judge_options
@timeout_option("For the whole; what was judged until then is reported.", 600)
@verbose_option
@click.option("-O", "--option", multiple=True, metavar="TARGET.NAME=VALUE", help="See: kexport targets --options")
def command(state: State, model: str, to: tuple[str, ...], option: tuple[str, ...], **rest: Any) -> int:
    """Export MODEL to one or more formats and verify each artifact against Keras.

    MODEL is a .keras file, a .h5 file of Keras 1 to 3, a SavedModel folder, or module:function that returns a model.
    """
    chosen = {"to": read_targets(to), "options": read_options(option), **arguments(rest)}
    from kexport.workflows import export

    with rule_notes(state), progress(state) as show:
        report = export(model, progress=show, **chosen)
    code = print_outcome(report, state)
    if not state.data and not state.quiet and any(a.status == "failed" for a in report.artifacts):
        click.echo(f"to see where it goes wrong: kexport verify {shlex.quote(chosen['out'])} --locate")
    print_took(state, show)
    return code


def print_outcome(report: Any, state: State) -> int:
    """Print an ExportReport as the state asks; return the exit code."""
    if state.junit:
        write_junit(report, Path(state.junit))
    if state.data:
        print_json(report.to_json())
    elif not state.quiet:
        from kexport.cli.render import print_report

        print_report(report)
    code: int = report.exit_code
    return code
