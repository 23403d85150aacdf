"""Describes Keras' backends: how each lists its devices, and how to switch off reduced precision such as TF32.

No framework is imported here: the one that Keras runs on is in `sys.modules` already.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.names import suggest

NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
"""Environment variables that hide every GPU from every backend, for a child process."""


@dataclass(frozen=True)
class Backend:
    """One backend of Keras. `gpus` lists its GPUs; in the context `exact`, float32 products are full float32."""

    name: str
    gpus: Callable[[], list[str]]
    exact: Callable[[], AbstractContextManager[None]]
    flags: Mapping[str, str]
    """The settings that `exact` makes, for the metadata of the reference."""
    packages: tuple[str, ...]


def installed(name: str) -> bool:
    """Return whether a backend is installed, without importing it."""
    return find_spec(name) is not None


def choose_backend(name: str | None) -> str:
    """Return the requested backend, or the first installed one.

    Raises:
        ConfigError: no such backend, or it is not installed.
    """
    if name is None:
        name = next((b for b in BACKENDS if installed(b)), "")
        if not name:
            raise ConfigError("no backend for Keras is installed", hint="pip install 'kexport[tensorflow]'")
    if name not in BACKENDS:
        raise ConfigError(f"Keras has no backend {name!r}", hint=suggest(name, BACKENDS, "backends"))
    if not installed(name):
        raise ConfigError(f"{name} is not installed", hint=f"pip install 'kexport[{name}]'")
    return name


def check_device(device: str) -> str:
    """Check that a device is `auto`, `cpu`, `gpu` or `gpu:N`.

    Raises:
        ConfigError: anything else.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", device):
        raise ConfigError(f"there is no device {device!r}", hint="write auto, cpu, gpu or gpu:1")
    return device


def resolve_device(backend: Backend, device: str) -> tuple[str, str]:
    """Keras' name of the device, and the name of the hardware.

    Raises:
        ConfigError: the backend sees no such GPU.
    """
    gpus = backend.gpus() if device != "cpu" else []
    if device == "cpu" or (device == "auto" and not gpus):
        return "cpu", cpu_name()
    index = int(device.partition(":")[2] or 0)
    if index >= len(gpus):
        seen = f"{len(gpus)} GPUs" if gpus else "no GPU"
        raise ConfigError(f"{backend.name} sees {seen}", where=f"device {device}", hint="use device cpu, or auto")
    return f"gpu:{index}", gpus[index]


def cpu_name() -> str:
    """The processor's own name for itself."""
    info = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return match[1].strip() if match else platform.processor() or platform.machine()


def driver_version() -> str:
    """The version of the NVIDIA driver; empty if there is none."""
    info = Path("/proc/driver/nvidia/version")
    match = re.search(r"\b(\d{3}\.\d+(?:\.\d+)?)\b", info.read_text()) if info.exists() else None
    return match[1] if match else ""


def versions(backend: Backend) -> dict[str, str]:
    """The versions of the packages that compute."""
    found: dict[str, str] = {"python": platform.python_version()}
    for package in ("kexport", "keras", "numpy", *backend.packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = str(getattr(sys.modules.get(package), "__version__", ""))
    return found


def child_environment(backend: str, device: str) -> dict[str, str]:
    """Environment variables for a child process that runs Keras on a backend and a device."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"} if "TF_CPP_MIN_LOG_LEVEL" not in os.environ else {}
    return {"KERAS_BACKEND": backend, **quiet, **(NO_GPU if device == "cpu" else {})}


class Without:
    """An import finder that hides some packages, as if they were not installed.

    Keras on JAX or PyTorch imports an installed TensorFlow merely to compare types. The worker wraps the
    finders in `sys.meta_path` of its own process.
    """

    def __init__(self, finder: Any, packages: Iterable[str]):
        self.finder = finder
        self.packages = frozenset(packages)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return None if fullname.partition(".")[0] in self.packages else self.finder.find_spec(fullname, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


# --- TensorFlow


def _tensorflow_gpus() -> list[str]:
    config = sys.modules["tensorflow"].config
    gpus = config.list_physical_devices("GPU")
    return [config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]


@contextmanager
def _tensorflow_exact() -> Iterator[None]:
    config = sys.modules["tensorflow"].config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


# --- JAX


def _jax_gpus() -> list[str]:
    jax: Any = sys.modules["jax"]
    return [d.device_kind for d in jax.devices() if d.platform == "gpu"]


@contextmanager
def _jax_exact() -> Iterator[None]:
    jax: Any = sys.modules["jax"]
    with jax.default_matmul_precision("highest"):
        yield


# --- PyTorch


def _torch_gpus() -> list[str]:
    cuda = sys.modules["torch"].cuda
    return [cuda.get_device_name(i) for i in range(cuda.device_count())] if cuda.is_available() else []


@contextmanager
def _torch_exact() -> Iterator[None]:
    backends = sys.modules["torch"].backends
    before = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32
    backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = before


BACKENDS: dict[str, Backend] = {
    b.name: b
    for b in (
        Backend("tensorflow", _tensorflow_gpus, _tensorflow_exact, {"tensor_float_32": "off"}, ("tensorflow",)),
        Backend("jax", _jax_gpus, _jax_exact, {"matmul_precision": "highest"}, ("jax", "jaxlib")),
        Backend("torch", _torch_gpus, _torch_exact, {"allow_tf32": "off"}, ("torch",)),
    )
}
"""The backends by name, the preferred one first."""
