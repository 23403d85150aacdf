"""Importing tensorflow, keras and tf_keras when they are first needed, quietly and on the right backend."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kexport.capture.versions import refuse_old
from kexport.errors import CaptureError, ConfigError

INSTALL = "pip install 'kexport[tensorflow]'"
BACKEND_HINT = (
    "save it with model.save('model.keras') and give kexport that file, in a process where Keras is not on another "
    "backend (the file is the same for all backends)"
)
_NATIVE_LOG = re.compile(
    r"([IWE]\d{4} [\d:. ]+\d+ \S+:\d+\] |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |"
    r"WARNING: All log messages before absl::InitializeLog|To enable the following instructions:)"
)


def import_tensorflow() -> Any:
    """TensorFlow; a first import says nothing on stderr.

    TensorFlow imports Keras, which picks its backend then and there, from KERAS_BACKEND.

    Raises:
        ConfigError: it is not installed, or too old.
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    with _environment("KERAS_BACKEND", "tensorflow"), _quiet():
        tensorflow = _import("tensorflow", INSTALL)
        refuse_old("tensorflow", tensorflow.__version__)
        tensorflow.config.list_logical_devices()
    return tensorflow


def import_keras() -> Any:
    """Keras 3 on the TensorFlow backend.

    Raises:
        ConfigError: Keras is missing or too old.
        CaptureError: it runs on another backend already.
    """
    if "keras" not in sys.modules:
        import_tensorflow()
        _import("keras", INSTALL)
    keras = sys.modules["keras"]
    refuse_old("keras", keras.__version__)
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise CaptureError(f"Keras runs on the {backend} backend; capturing needs tensorflow", hint=BACKEND_HINT)
    return keras


def import_tf_keras() -> Any:
    """Keras 2, which reads what Keras 2 wrote.

    Raises:
        ConfigError: it is not installed.
    """
    import_tensorflow()
    return _import("tf_keras", INSTALL)


@contextmanager
def fresh_names() -> Iterator[None]:
    """Have Keras number automatic layer names from the start, so that they do not depend on what was made before."""
    try:
        from keras.src.backend.common import global_state
    except ImportError:  # a version that was not tested: its names are then as they come
        yield
        return
    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)


REASON = "Exception encountered:"
"""What Keras writes before the reason of an error that it raises anew."""


def first_lines(error: BaseException) -> str:
    """The type and first line of a framework's error, which goes on for pages, and the reason, which stands far below.

    A line that ends in a colon announces the next.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    reasons = [line.removeprefix(REASON).strip() for line in lines if line.startswith(REASON)]
    reason = f": {reasons[-1]}" if reasons and reasons[-1] not in text else ""
    return f"{type(error).__name__}: {text}"[: 300 if reason else 500] + reason[:300]


def _import(name: str, hint: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        if isinstance(e, ModuleNotFoundError) and e.name == name:
            raise ConfigError(f"reading a model takes {name}, which is not installed", hint=hint) from e
        raise CaptureError(f"{name} cannot be imported: {e}", hint=hint) from e


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what native code logs on stderr; anything else is written there afterwards.

    TensorFlow logs before its log level can be set (the lines "before absl::InitializeLog()"), so that
    TF_CPP_MIN_LOG_LEVEL has no say.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode("utf-8", "replace").splitlines(keepends=True):
                if not _NATIVE_LOG.match(line):
                    sys.stderr.write(line)
