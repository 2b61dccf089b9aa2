# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows about what follows the network: points, masks and non-maximum suppression."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pointwssis import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.mask_resizing_solov2 import MaskResizing
from pointwssis.ops.mask_ops import mask_iou
from pointwssis.ops.nms import mask_nms, matrix_nms

from .scenes import disks, learned_outputs, random_points
from .timing import Comparison
from .yardsticks import dense_masks, float_matrix_nms, official_points, pairwise_mask_nms

HEIGHT, WIDTH = 480, 640  # of the images
CANVAS, VALID = (800, 1088), (800, 1067)  # of the network's input, with and without padding
LARGE = (3000, 4000)  # 12 megapixels


def decode_points(outputs: Any, points: Tensor, labels: Tensor, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the instances of points as the library decodes them."""
    processor = SOLOv2ImageProcessorPil()
    return processor.post_process_point_instance_segmentation(outputs, [points], [labels], target_sizes=[size])[0]


def points_row(count: int, goal: float | None) -> Comparison:
    """Compare the decoding of `count` points after the network with the official algorithm."""
    outputs = learned_outputs(*CANVAS, valid_size=VALID)
    points, labels = random_points(count, HEIGHT, WIDTH), torch.arange(count) % 80
    on_canvas = points * torch.tensor([VALID[1] / WIDTH, VALID[0] / HEIGHT])
    return Comparison(
        ours=partial(decode_points, outputs, points, labels, (HEIGHT, WIDTH)),
        yardstick=partial(official_points, outputs, on_canvas, labels, (HEIGHT, WIDTH)),
        yardstick_name="a convolution per point and level",
        goal=goal,
        check=assert_masks_agree,
    )


def assert_masks_agree(found: list[dict[str, Any]], official: tuple[Tensor, list[int]]) -> None:
    """Raise if masks that both ways return differ in more than single pixels on their boundaries."""
    for mask, index in zip(*official, strict=True):
        overlap = mask_iou(found[index]["mask"][None], mask[None]).item()
        assert overlap > 0.98, f"the mask of point {index} differs from the official algorithm: IoU {overlap:.3f}"


def masks_row(count: int, size: tuple[int, int]) -> Comparison:
    """Compare masks at the size of an image with two resizes of whole images."""
    outputs = learned_outputs(*CANVAS, valid_size=VALID)
    cells = torch.linspace(0, 40 * 40 - 1, count).long()
    kernels = outputs.kernels[0][0].flatten(1).T[cells]
    side = (CANVAS[0] // 4, CANVAS[1] // 4)
    probabilities = (kernels @ outputs.mask_features[0].flatten(1)).sigmoid().unflatten(1, side)
    return Comparison(
        ours=lambda: list(MaskResizing.between(side, VALID, size, probabilities.device).masks(probabilities, 0.5)),
        yardstick=partial(dense_masks, probabilities, VALID, size),
        yardstick_name="two resizes of whole images",
    )


def nms_row(kind: str, count: int) -> Comparison:
    """Compare non-maximum suppression of masks with a loop over pairs, or with floats."""
    masks = disks(count, CANVAS[0] // 4, CANVAS[1] // 4).float()
    labels, scores = torch.arange(count) % 3, torch.linspace(1, 0.1, count)
    if kind == "mask":
        return Comparison(
            ours=lambda: mask_nms(masks, labels, scores).nonzero().flatten().tolist(),
            yardstick=partial(pairwise_mask_nms, masks, labels),
            yardstick_name="one pair of masks at a time",
            check=assert_equal,
        )
    return Comparison(
        ours=partial(matrix_nms, masks, labels, scores),
        yardstick=partial(float_matrix_nms, masks, labels, scores),
        yardstick_name="float matrix product",
        check=partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5),
    )


def assert_equal(found: list[int], expected: list[int]) -> None:
    """Raise if two lists differ."""
    assert found == expected, "results differ"


ROWS: dict[str, Callable[[], Comparison]] = {
    "points-1": partial(points_row, 1, 6),
    "points-10": partial(points_row, 10, None),
    "points-50": partial(points_row, 50, 40),
    "masks-480x640": partial(masks_row, 20, (HEIGHT, WIDTH)),
    "masks-12mp": partial(masks_row, 4, LARGE),
    "mask-nms-500": partial(nms_row, "mask", 500),
    "matrix-nms-500": partial(nms_row, "matrix", 500),
}
