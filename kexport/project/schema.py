"""What a project file may say, as types. The published JSON schema is made of them.

A key that is not given is `UNSET`, so that defaults stay those of `kexport export`. Descriptions of the data of
a model belong into tables of their own, beside `options`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Names = Annotated[list[Text], Meta(min_length=1)]
Share = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?\s*%$", examples=["99.5%"])]
Size = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?\s*(B|kB|MB|GB|KiB|MiB|GiB)$", examples=["4 MB"])]
Extent = Annotated[int, Meta(ge=1)] | Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["length"])]
Error = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=1, le=1e8)]


def say(text: str) -> Meta:
    """The words that describe a key."""
    return Meta(description=text)


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How artifacts are made of a model: the options of `kexport export`."""

    source: (
        Annotated[Text, say("The model: a .keras or .h5 file, a SavedModel folder, or module:function.")] | UnsetType
    ) = UNSET
    to: Annotated[Names, say("The targets by name; see kexport targets.")] | UnsetType = UNSET
    out: Annotated[Text, say("The folder to write to. Default: dist.")] | UnsetType = UNSET
    name: Annotated[Text, say("The name of the artifacts. Default: that of the table.")] | UnsetType = UNSET
    options: Annotated[dict[str, dict[str, bool | int | float | str]], say("Options by target.")] | UnsetType = UNSET
    dims: Annotated[dict[str, Extent], say("Sizes or names of dynamic dimensions.")] | UnsetType = UNSET
    custom: Annotated[Names, say("Modules that register custom objects.")] | UnsetType = UNSET
    trust: Annotated[bool, say("Run code that is stored in the model.")] | UnsetType = UNSET
    signature: Annotated[Text, say("Which signature of a SavedModel.")] | UnsetType = UNSET
    example: Annotated[Text, say("An .npz with a batch for a subclassed model.")] | UnsetType = UNSET
    replace: (
        Annotated[dict[str, Text], say("What layers compute: an expression of x, or module:function.")] | UnsetType
    ) = UNSET
    architecture: (
        Annotated[Text, say("The model that a file of weights belongs to: module:function, or a JSON file.")]
        | UnsetType
    ) = UNSET
    depends: (
        Annotated[Names, say("More files that the model is made of; patterns such as src/**/*.py.")] | UnsetType
    ) = UNSET
    quantize: Annotated[Text, say("int8, int8-weights, or a TOML file of rules for layers.")] | UnsetType = UNSET
    calibrate: (
        Annotated[Text, say("Data on which ranges are observed: an .npz, .npy, or folder of arrays or images.")]
        | UnsetType
    ) = UNSET
    budget: Annotated[Text, say("Leave layers in float until it is met: agreement>=99.5%, size<=60%.")] | UnsetType = (
        UNSET
    )
    samples: (
        Annotated[Text, say("Inputs to verify on as well: an .npz with an array per input, or a folder.")] | UnsetType
    ) = UNSET
    only_samples: Annotated[bool, say("Verify on the samples alone.")] | UnsetType = UNSET
    reference: Annotated[Text, say("Verify against this reference, recorded elsewhere.")] | UnsetType = UNSET
    tolerance: (
        Annotated[Error | dict[str, Error], say("Allowed absolute error, of all outputs or by output.")] | UnsetType
    ) = UNSET
    verify: Annotated[bool, say("Run every artifact in its real runtime. Default: true.")] | UnsetType = UNSET
    layers: Annotated[bool, say("Keep the captured graph whole, however large.")] | UnsetType = UNSET
    timeout: Annotated[Seconds, say("Seconds for the whole.")] | UnsetType = UNSET
    require: (
        Annotated[Text | Names, say("The least status of the artifacts: verified, or simulated:coreml.")] | UnsetType
    ) = UNSET
    min_snr: Annotated[float, say("The least signal to noise ratio in dB that quantization may leave.")] | UnsetType = (
        UNSET
    )
    min_agreement: (
        Annotated[Share, say("The least share of decisions that are those of the float model.")] | UnsetType
    ) = UNSET
    max_size: (
        Annotated[Size | dict[str, Size], say("The most that an artifact may take, of all targets or by target.")]
        | UnsetType
    ) = UNSET


class Variant(Export, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another way to export the model around it; says what is different."""


class Model(Export, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model. Without a source it is a template for others."""

    extends: Annotated[Text | Names, say("The models whose keys it takes over, the last one first.")] | UnsetType = (
        UNSET
    )
    variants: Annotated[dict[str, Variant], say("Further exports of it, named MODEL-VARIANT.")] | UnsetType = UNSET


class Project(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A project file: kexport.toml, or the table tool.kexport of pyproject.toml."""

    models: Annotated[dict[str, Model], say("The models by name.")] | UnsetType = UNSET
    defaults: Annotated[Export, say("What holds for all models that do not say otherwise.")] | UnsetType = UNSET
    cache: Annotated[Text, say("The folder of what was built before. Default: .kexport.")] | UnsetType = UNSET


def json_schema() -> dict[str, Any]:
    """The JSON schema of project files."""
    made = msgspec.json.schema(Project)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:kexport:project:1"}
    return {**head, "title": "kexport.toml", **made}
