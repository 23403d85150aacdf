"""A batch for a subclassed model, out of a file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import ConfigError


def read_example(example: Any) -> Any:
    """The arrays of an .npz file by name, or the one of an .npy file, with their types; anything but a path as it is.

    Raises:
        ConfigError: there is no such file, or it is neither.
    """
    if not isinstance(example, (str, Path)):
        return example
    where = f"--example {example}"
    try:
        loaded: Any = np.load(example, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=where) from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as e:
        hint = "numpy.savez(file, name=array, ...) writes one"
        raise ConfigError(f"it is no .npz file: {e}", where=where, hint=hint) from e
