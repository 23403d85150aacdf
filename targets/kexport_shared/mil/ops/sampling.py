"""Reading an image [N, C, H, W] at free coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.ops.grid import positions

Array = np.ndarray


def _pixels(places: Array, size: int, mode: str, align_corners: bool) -> Array:
    """Coordinates in pixels."""
    if mode == "unnormalized":
        return places
    if mode not in ("normalized_minus_one_to_one", "normalized_zero_to_one"):
        raise VerifyError(f"there is no coordinates mode {mode}")
    share = (places + 1) / 2 if mode == "normalized_minus_one_to_one" else places
    return share * (size - 1) if align_corners else share * size - 0.5


def _reflected(places: Array, low: float, high: float) -> Array:
    span = high - low
    if span <= 0:
        return np.zeros_like(places)
    away = np.abs(places - low) % (2 * span)
    return np.minimum(away, 2 * span - away) + low


PADDINGS: dict[str, Callable[[Array, int], Array]] = {
    "constant": lambda places, size: places,
    "border": lambda places, size: np.clip(places, 0, size - 1),
    "reflection": lambda places, size: _reflected(places, 0, size - 1),
    "symmetric": lambda places, size: np.clip(_reflected(places, -0.5, size - 0.5), 0, size - 1),
}


def _read(image: Array, rows: Array, columns: Array, value: float) -> Array:
    """image [C, H, W] at whole places, a value outside."""
    height, width = image.shape[1:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    at = image[:, np.clip(rows, 0, height - 1).astype(int), np.clip(columns, 0, width - 1).astype(int)]
    return np.where(inside, at, value)


def _between(image: Array, rows: Array, columns: Array, value: float) -> Array:
    """image [C, H, W] interpolated between the four places around."""
    top = np.floor(rows)
    left = np.floor(columns)
    down = rows - top
    right = columns - left
    return (
        _read(image, top, left, value) * (1 - down) * (1 - right)
        + _read(image, top, left + 1, value) * (1 - down) * right
        + _read(image, top + 1, left, value) * down * (1 - right)
        + _read(image, top + 1, left + 1, value) * down * right
    )


def resample(
    x: Array,
    coordinates: Array,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Array,
    coordinates_mode: str,
    align_corners: Array,
) -> Array:
    """x at coordinates [N, H, W, 2], each a pair of column and row."""
    if padding_mode not in PADDINGS or sampling_mode not in ("bilinear", "nearest"):
        raise VerifyError(f"there is no sampling {sampling_mode} with padding {padding_mode}")
    held = PADDINGS[padding_mode]
    height, width = x.shape[2:]
    real = coordinates.astype(np.float64)
    columns = held(_pixels(real[..., 0], width, coordinates_mode, bool(align_corners)), width)
    rows = held(_pixels(real[..., 1], height, coordinates_mode, bool(align_corners)), height)
    value = float(padding_value)
    if sampling_mode == "bilinear":
        return np.stack([_between(*each, value) for each in zip(x, rows, columns, strict=True)])
    return np.stack([_read(i, np.rint(r), np.rint(c), value) for i, r, c in zip(x, rows, columns, strict=True)])


def affine(
    x: Array,
    transform_matrix: Array,
    output_height: Array,
    output_width: Array,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Array,
    coordinates_mode: str,
    align_corners: Array,
) -> Array:
    """x at the coordinates a linear map gives for every place of the result."""
    if coordinates_mode != "normalized_minus_one_to_one" or not align_corners:
        raise VerifyError(f"affine in {coordinates_mode} with align_corners={align_corners} is not published")
    across = np.linspace(-1, 1, int(output_width))
    down = np.linspace(-1, 1, int(output_height))
    columns, rows = np.meshgrid(across, down)
    points = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    maps = np.broadcast_to(transform_matrix, (x.shape[0], 6)).reshape(-1, 2, 3)
    coordinates = np.einsum("hwk,nck->nhwc", points, maps)
    return resample(x, coordinates, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners)


BOXES: dict[str, Callable[[Array], tuple[float, float, float, float]]] = {
    "CORNERS_HEIGHT_FIRST": lambda b: (b[0], b[1], b[2], b[3]),
    "CORNERS_WIDTH_FIRST": lambda b: (b[1], b[0], b[3], b[2]),
    "CENTER_SIZE_HEIGHT_FIRST": lambda b: (b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2),
    "CENTER_SIZE_WIDTH_FIRST": lambda b: (b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2),
}


def _along(start: float, end: float, mode: str, count: int) -> Array:
    places = positions(mode, abs(end - start), count)
    return start - places if end < start else start + places


def crop_resize(
    x: Array,
    roi: Array | None = None,
    boxes: Array | None = None,
    box_indices: Array | None = None,
    target_height: Array | int = 1,
    target_width: Array | int = 1,
    normalized_coordinates: Array | bool = False,
    spatial_scale: Array | float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: Array | float = 0.0,
) -> Array:
    """Boxes cut out of images and resized; before iOS 17 for every image unless a box names one, with one axis more."""
    if box_coordinate_mode not in BOXES:
        raise VerifyError(f"there is no box coordinate mode {box_coordinate_mode}")

    def cut(box: Array, images: Array) -> Array:
        scaled = np.array(BOXES[box_coordinate_mode](box.astype(np.float64))) * float(spatial_scale)
        if normalized_coordinates:
            scaled = scaled * (np.array([*x.shape[2:], *x.shape[2:]]) - 1)
        rows = _along(scaled[0], scaled[2], sampling_mode, int(target_height))
        columns = _along(scaled[1], scaled[3], sampling_mode, int(target_width))
        return np.stack([_patch(image, rows, columns, float(pad_value)) for image in images])

    if boxes is not None:
        owners = range(len(boxes)) if box_indices is None else [int(i) for i in box_indices]
        return np.concatenate([cut(box, x[i : i + 1]) for box, i in zip(boxes, owners, strict=True)])
    if roi is None:
        raise VerifyError("crop_resize has neither boxes nor a roi")
    flat = roi.reshape(roi.shape[0], -1)
    if flat.shape[1] == 4:
        return np.stack([cut(box, x) for box in flat])
    return np.stack([cut(box[1:], x[int(box[0]) : int(box[0]) + 1]) for box in flat])


def _patch(image: Array, rows: Array, columns: Array, value: float) -> Array:
    grid_rows, grid_columns = np.meshgrid(rows, columns, indexing="ij")
    height, width = image.shape[1:]
    # a place computed to lie a rounding error outside still lies on the edge
    near = 1e-4
    inside = (grid_rows >= -near) & (grid_rows <= height - 1 + near)
    inside &= (grid_columns >= -near) & (grid_columns <= width - 1 + near)
    held = np.clip(grid_rows, 0, height - 1), np.clip(grid_columns, 0, width - 1)
    return np.where(inside, _between(image, *held, value), value)


OPERATIONS: dict[str, Callable[..., Any]] = {"resample": resample, "affine": affine, "crop_resize": crop_resize}
