"""The five tasks of MLPerf Tiny: the committee's trained Keras files, its own int8 files, and data to run them on.

The folder is named by `KEXPORT_MLPERF_TINY`, or is `shared/models/mlperf_tiny` beside the checkout.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Rows = np.ndarray[Any, Any]
FOLDER = Path(os.environ.get("KEXPORT_MLPERF_TINY") or Path(__file__).parents[3] / "shared/models/mlperf_tiny")
CALIBRATION = 200
"""Rows."""
TEST = 500
"""Rows at most."""


@dataclass(frozen=True)
class Data:
    """What a model is calibrated with and tried on; labels where there are any."""

    calibration: Rows
    test: Rows
    labels: Rows | None
    about: str


@dataclass(frozen=True)
class Task:
    """One task: its files, and how its data are read."""

    name: str
    model: str
    int8: str
    read: Callable[[Path], Data]
    is_of_model: bool = True
    """Whether the int8 file has the weights of the Keras file, so that both can be compared."""


def _images(folder: Path) -> tuple[Rows, Rows]:
    arrays = np.load(folder / "cifar10_700.npz")
    return arrays["x"].astype(np.float32), arrays["y"]


def _classified(folder: Path) -> Data:
    x, y = _images(folder)
    return Data(x[:CALIBRATION], x[CALIBRATION:], y[CALIBRATION:], "CIFAR-10, JPEG-compressed")


def _enlarged(folder: Path) -> Data:
    """Small photos, three times as large: images of the right kind for numbers, with labels for another question."""
    large = np.kron(_images(folder)[0][: 2 * CALIBRATION] / 255, np.ones((1, 3, 3, 1), np.float32))
    return Data(large[:CALIBRATION], large[CALIBRATION:], None, "CIFAR-10, enlarged, without labels")


def _spectrograms(folder: Path) -> Data:
    frames = np.frombuffer((folder / "normal_id_01_00000000_hist_librosa.bin").read_bytes(), "<f4").reshape(-1, 128)
    windows = np.stack([frames[i : i + 5].reshape(-1) for i in range(len(frames) - 4)])
    return Data(windows[::2], windows[1::2], None, "one machine, normal")


def _wakewords(folder: Path) -> Data:
    arrays = np.load(folder / "calibration_samples.npz")
    x = arrays["specs"].astype(np.float32)
    return Data(x, x, arrays["labels"].astype(int), "the same 45 rows for both")


def _drawn(folder: Path) -> Data:
    """Numbers like the cepstra of speech, as there is no recording: a first coefficient far below 0, small others."""
    rng = np.random.default_rng(0)
    mean = np.zeros(10, np.float32)
    spread = 8 / np.sqrt(np.arange(1, 11, dtype=np.float32))
    mean[0] = -45
    spread[0] = 20
    calm = rng.normal(size=(2 * CALIBRATION, 49, 10)) + rng.normal(size=(2 * CALIBRATION, 1, 10))
    x = (mean + spread * calm).astype(np.float32)[..., None]
    return Data(x[:CALIBRATION], x[CALIBRATION:], None, "drawn, without labels")


TASKS = (
    Task("anomaly detection", "ad01.h5", "ad01_int8.tflite", _spectrograms),
    Task("image classification", "pretrainedResnet.h5", "pretrainedResnet_quant.tflite", _classified),
    Task("keyword spotting", "kws_model.h5", "kws_ref_model.tflite", _drawn, is_of_model=False),
    Task("streaming wakeword", "str_ww_ref_model.h5", "str_ww_ref_model.tflite", _wakewords),
    Task("visual wake words", "vww_96.h5", "vww_96_int8.tflite", _enlarged),
)
