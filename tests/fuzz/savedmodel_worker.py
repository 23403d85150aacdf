"""Captures damaged SavedModels one after the other, and prints what became of each; watched for what it touches.

usage: python -m tests.fuzz.savedmodel_worker FOLDER SEED COUNT
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kexport.capture.capturing import capture
from kexport.capture.sources.frameworks import import_keras
from kexport.errors import KexportError
from tests.fuzz.artifact_files import mutate
from tests.fuzz.keras_worker import Watch, say


def bases(folder: Path) -> dict[str, Path]:
    """A net with state, a recurrent net with a loop, and a table that is filled from a file of words."""
    keras: Any = import_keras()
    import tensorflow as tf

    layers = keras.layers
    found = {name: folder / name for name in ("net", "loop", "words")}
    x = keras.Input((4,))
    net = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(3, activation="gelu")(x)))
    keras.Model(x, net).export(found["net"], verbose=False)
    x = keras.Input((None, 3))
    keras.Model(x, layers.GRU(2)(layers.LSTM(3, return_sequences=True)(x))).export(found["loop"], verbose=False)
    (folder / "words.txt").write_text("a\nb\nc\n")
    lines = tf.lookup.TextFileIndex.WHOLE_LINE
    numbers = tf.lookup.TextFileIndex.LINE_NUMBER
    initializer = tf.lookup.TextFileInitializer(str(folder / "words.txt"), tf.string, lines, tf.int64, numbers)
    module: Any = tf.Module()
    module.table = tf.lookup.StaticHashTable(initializer, 0)
    module.rows = tf.Variable([1.0, 2.0, 3.0])
    module.f = tf.function(lambda x: {"y": tf.gather(module.rows, module.table.lookup(x))})
    function = module.f.get_concrete_function(x=tf.TensorSpec((None,), tf.string))
    tf.saved_model.save(module, str(found["words"]), function)
    return found


def mutants(seed: int, found: dict[str, Path], place: Path, count: int) -> Iterator[tuple[str, Path]]:
    """`count` mutants: what was done, and where the folder lies until the next. The same ones for the same seed."""
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        name = draw.choice(sorted(found))
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(found[name], place / name)
        done = [mutate(place / name, draw) for _ in range(draw.choice((1, 1, 2)))]
        yield f"{seed}/{number} {name}: {', '.join(done)}", place / name


def main(folder: Path, seed: int, count: int) -> None:
    """Capture `count` mutants and print a line for each: its name, what became of it, and how long that took."""
    found = bases(folder)
    for path in found.values():
        capture(path)
    watch = Watch(folder)
    sys.addaudithook(watch)
    for name, path in mutants(seed, found, folder / "mutant", count):
        say(f"begin {name}")
        started = time.monotonic()
        watch.on = True
        try:
            capture(path)
            outcome = "loaded"
        except KexportError as e:
            outcome = f"refused {type(e).__name__}"
            str(e)
        except BaseException as e:  # noqa: BLE001  that is what is looked for
            place = traceback.extract_tb(e.__traceback__)[-1]
            outcome = f"FAILED {type(e).__name__}: {str(e)[:200]!r} at {place.filename}:{place.lineno}"
            if os.environ.get("FUZZ_TRACE"):
                traceback.print_exc()
        watch.on = False
        touched = f" TOUCHED {watch.found}" if watch.found else ""
        watch.found.clear()
        say(f"end {name}: {outcome}{touched} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
