"""Convolution, pooling and images: image float32[batch,8,8,3] from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.functions.item import Call

IMAGES: dict[str, Call] = {
    "adaptive_average_pool": lambda k, image: k.adaptive_average_pool(image, 3),
    "adaptive_max_pool": lambda k, image: k.adaptive_max_pool(image, 3),
    "average_pool": lambda k, image: k.average_pool(image, 2),
    "max_pool": lambda k, image: k.max_pool(image, 2),
    "conv": lambda k, image: k.conv(image, _kernel(3, 3, 3, 4)),
    "conv_transpose": lambda k, image: k.conv_transpose(image, _kernel(3, 3, 4, 3), 2),
    "depthwise_conv": lambda k, image: k.depthwise_conv(image, _kernel(3, 3, 3, 2)),
    "separable_conv": lambda k, image: k.separable_conv(image, _kernel(3, 3, 3, 2), _kernel(1, 1, 6, 4)),
    "depth_to_space": lambda k, image: k.depth_to_space(k.concatenate([image] * 4, axis=-1), 2),
    "space_to_depth": lambda k, image: k.space_to_depth(image, 2),
    "unfold": lambda k, image: k.unfold(k.transpose(image, (0, 3, 1, 2)), 2),
    "fold": lambda k, image: k.fold(k.unfold(k.transpose(image, (0, 3, 1, 2)), 2), (8, 8), 2),
    "image.affine_transform": lambda k, image: k.image.affine_transform(
        image, np.array([0.9, 0.1, 0.5, -0.1, 0.8, 0.3, 0.0, 0.0], "float32")
    ),
    "image.crop_images": lambda k, image: k.image.crop_images(image, 1, 2, target_height=5, target_width=4),
    "image.elastic_transform": lambda k, image: k.image.elastic_transform(image, seed=1),
    "image.extract_patches": lambda k, image: k.image.extract_patches(image, (3, 3), strides=(2, 2)),
    "image.extract_patches_3d": lambda k, image: k.image.extract_patches_3d(k.stack([image] * 4, axis=1), (2, 4, 4)),
    "image.gaussian_blur": lambda k, image: k.image.gaussian_blur(image),
    "image.hsv_to_rgb": lambda k, image: k.image.hsv_to_rgb(image),
    "image.map_coordinates": lambda k, image: k.image.map_coordinates(
        image[0, :, :, 0], np.array([[0.5, 1.2, 3.0], [2.5, 0.1, 6.9]], "float32"), 1
    ),
    "image.pad_images": lambda k, image: k.image.pad_images(image, 1, 2, 3, 1),
    "image.perspective_transform": lambda k, image: k.image.perspective_transform(
        image[:1],
        np.array([[[0, 0], [7, 0], [0, 7], [7, 7]]], "f4"),
        np.array([[[1, 0], [6, 1], [0, 6], [7, 7]]], "f4"),
    ),
    "image.resize": lambda k, image: k.image.resize(image, (5, 11)),
    "image.rgb_to_grayscale": lambda k, image: k.image.rgb_to_grayscale(image),
    "image.rgb_to_hsv": lambda k, image: k.image.rgb_to_hsv(image),
    "image.scale_and_translate": lambda k, image: k.image.scale_and_translate(
        image, (2, 6, 6, 3), np.array([0.7, 0.8], "f4"), np.array([0.3, 0.1], "f4"), (1, 2), "linear"
    ),
    "image.sobel_edges": lambda k, image: k.image.sobel_edges(image),
    "image.ssim": lambda k, image: k.image.ssim(image, image * 0.9, 1.0, filter_size=5),
}


def _kernel(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype("float32")
