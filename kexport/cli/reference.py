"""`kexport reference`: records a run of the Keras model, to verify artifacts against anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.progress import progress
from kexport.cli.shared import arguments, inputs_option, model_options, timeout_option


@subcommand(
    "reference",
    "Record a run of the Keras model.",
    ("on this machine's default device", "kexport reference model.keras -o reference.safetensors"),
    (
        "on a GPU box that has JAX only",
        "kexport reference model.keras --backend jax --device gpu -o jax.safetensors",
    ),
    ("on your own samples too", "kexport reference model.keras --inputs samples.npz -o reference.safetensors"),
)
@click.argument("model")
@click.option("-o", "--out", default="reference.safetensors", show_default=True, metavar="FILE", help="File to write.")
@click.option(
    "--backend",
    type=click.Choice(["tensorflow", "jax", "torch"]),
    help="Keras' backend. Default: the first one installed.",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, gpu, or gpu:1.")
@inputs_option
@click.option("--layers", is_flag=True, help="Record the output of every layer too.")
@model_options
@timeout_option("For Keras to load and run it.", default=1800)
def command(state: State, model: str, out: str, **rest: Any) -> None:
    """Run MODEL in Keras, in float32, and record its inputs and outputs with the device and versions.

    MODEL is a .keras file. It takes Keras with one of its backends, and no TensorFlow on the others.
    """
    from kexport.workflows import record_reference

    with progress(state) as show:
        recorded = record_reference(model, Path(out), progress=show, **arguments(rest))
    if state.data:
        print_json(recorded.to_json())
    elif not state.quiet:
        click.echo(f"{out}: {recorded.summary}")
