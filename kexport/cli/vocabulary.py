"""`kexport vocabulary`: writes the words and settings of lookup layers to files."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand


@subcommand(
    "vocabulary",
    "Write the vocabularies of a model's lookup layers.",
    ("beside the artifacts", "kexport vocabulary model.keras -o dist/"),
)
@click.argument("model")
@click.option("-o", "--out", default="dist", show_default=True, metavar="DIR", help="Folder to write to.")
@click.option("--name", help="Name of the files. Default: that of the model's file, else the model's own.")
@click.option("--custom", multiple=True, metavar="MODULE", help="Import a module that registers custom objects.")
@click.option("--trust", is_flag=True, help="Run code stored in the model. Only if you trust where it is from.")
def command(state: State, model: str, out: str, **rest: Any) -> None:
    """Write the vocabularies of MODEL's lookup layers (TextVectorization, StringLookup, IntegerLookup).

    Each layer gets NAME.LAYER.vocabulary.txt, one token per line in order of the index, from 0 on, and
    NAME.LAYER.vocabulary.json with its settings. For formats without text, the program around the model does the work
    of these layers with these files.
    """
    from kexport.workflows.vocabularies import write_vocabularies

    written = write_vocabularies(model, out, **rest)
    if state.data:
        print_json({"vocabularies": [v.to_json() | {"path": str(path)} for path, v in written]})
    elif not state.quiet:
        for path, vocabulary in written:
            click.echo(f"{path}: {len(vocabulary.tokens)} tokens of {vocabulary.kind} {vocabulary.layer}")
