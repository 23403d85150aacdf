"""The operations that a SavedModel may contain: those that compute, and nothing else."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

LISTS = Path(__file__).with_name("operations.json")
"""`pure` operations compute from their operands; `memory` ones change variables, tables, lists and random generators of
the process as well; `checkpoint` ones read and write the files of variables."""
TEXT_FILE_TABLES = frozenset(("InitializeTableFromTextFile", "InitializeTableFromTextFileV2"))
"""Those among the listed that read a file, which their second operand names."""
CHECKPOINT_WRITERS = frozenset(("MergeV2Checkpoints", "SaveV2"))
CHECKPOINT_READER = "RestoreV2"
OBJECT_CLASSES = frozenset(("", "tf.StaticHashTable", "tf.TrackableConstant"))
"""The registered classes that an object of a SavedModel may be of."""


@cache
def harmless_operations() -> frozenset[str]:
    """The operations that may be anywhere in a SavedModel."""
    lists = _lists()
    return frozenset((*lists["pure"], *lists["memory"]))


@cache
def pure_operations() -> frozenset[str]:
    """The operations that compute from their operands alone: a layer of a Keras 2 file may be made of one."""
    return frozenset(_lists()["pure"])


@cache
def checkpoint_operations() -> frozenset[str]:
    """The operations that save and restore variables, which every SavedModel has for its saver alone."""
    return frozenset(_lists()["checkpoint"])


def _lists() -> dict[str, list[str]]:
    return json.loads(LISTS.read_text(encoding="utf-8"))
