"""Trains a small CNN on scikit-learn's digits (8×8 grey images of handwritten digits, bundled with scikit-learn).

Writes `digits.keras` and `samples.npz`, held-out images to verify the exported artifacts on:

    python samples/digits.py --out dist/digits
    kexport export dist/digits/digits.keras --inputs dist/digits/samples.npz -o dist/digits
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kexport.cli.noise import without_noise


class Trained(NamedTuple):
    """A trained model with the images it never saw."""

    model: Any
    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    accuracy: float


def build() -> Any:
    """The untrained CNN: two convolutions with batch norm, one pool, two dense layers."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(32, 3, padding="same", use_bias=False, name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.Conv2D(64, 3, padding="same", use_bias=False, name="conv2"),
            layers.BatchNormalization(name="norm2"),
            layers.ReLU(name="relu2"),
            layers.MaxPooling2D(name="pool"),
            layers.Dropout(0.25, name="drop1"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dropout(0.25, name="drop2"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def train(epochs: int = 25, seed: int = 0) -> Trained:
    """Train on three quarters of the images and measure on the rest."""
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    keras.utils.set_random_seed(seed)
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    parts = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=seed)
    x, x_test, y, y_test = map(np.asarray, parts)
    model = build()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    guesses = model.predict(x_test, verbose=0).argmax(axis=-1)
    return Trained(model, x_test, y_test, float(np.mean(guesses == y_test)))


def save(trained: Trained, folder: Path, count: int = 64) -> Path:
    """Write the model and the first held-out images to `folder`; returns the model's path."""
    folder.mkdir(parents=True, exist_ok=True)
    trained.model.save(folder / "digits.keras")
    np.savez(folder / "samples.npz", image=trained.images[:count])
    return folder / "digits.keras"


def main() -> None:
    """Train, save, and say how good it is; an accuracy of 97 % or less is an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("dist/digits"), help="folder to write to")
    folder = parser.parse_args().out
    start = time.perf_counter()
    with without_noise():
        trained = train()
        path = save(trained, folder)
    seconds = time.perf_counter() - start
    print(f"trained {path} in {seconds:.0f} s: {trained.accuracy:.1%} of {len(trained.images)} held-out images right")
    if trained.accuracy <= 0.97:
        raise SystemExit("the model is worse than it should be (97 %)")


if __name__ == "__main__":
    main()
