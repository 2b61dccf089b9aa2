# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labeling by points as in the official code, to reproduce its results: prompts become score maps.

The score maps are decoded like ordinary proposals, which loses points: of those that share a cell at every level only
the last survives, two of one class that choose the same cell become one, and the area filter and NMS drop more.
`level_selection_solov2.decode_points` keeps all.
"""

import torch
from torch import Tensor

from .decoding_solov2 import DecodingSettings, ImageOutputs, Instances, confidences, decode_score_maps
from .grid_solov2 import assign_cells, cells_of_points

OFFICIAL_PROMPTS = ("point", "point_with_size", "cls")


def decode_official_prompt(
    prompt: str,
    outputs: ImageOutputs,
    points: Tensor,
    boxes: Tensor | None,
    class_labels: Tensor,
    settings: DecodingSettings,
) -> Instances:
    """Decode instances as the official code labels them.

    Args:
        prompt: "point" (one cell per level, of the best level), "point_with_size" (all positive cells at the levels of
            the true size), or "cls" (the ground-truth class map times the class scores).
        outputs: outputs of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas; the official code uses the centers of mass of the
            ground-truth masks.
        boxes: (N, 4) xyxy of the ground truth, which determine by `settings.scale_ranges` the levels of an object.
            None, for "point" only, assigns every object to every level (the official code then uses ranges from 1 to
            100,000).
        class_labels: (N,) class ids.
        settings: thresholds and NMS.

    Raises:
        ValueError: unknown prompt, or one that lacks its boxes.
    """
    if prompt not in OFFICIAL_PROMPTS:
        raise ValueError(f"prompt must be one of {OFFICIAL_PROMPTS}, got {prompt!r}")
    if boxes is None and prompt != "point":
        raise ValueError(f"prompt {prompt!r} needs the boxes of the objects; only 'point' does without")
    # The object that owns each cell, on every level.
    scale_ranges = settings.scale_ranges if boxes is not None else [[0, 1]] * len(settings.num_grids)
    boxes = boxes if boxes is not None else points.new_zeros(len(points), 4)
    sigma = 0 if prompt == "point" else settings.center_sigma
    owners = []
    for grid, scale_range in zip(settings.num_grids, scale_ranges, strict=True):
        owners.append(assign_cells(points, boxes, grid, scale_range, outputs.canvas, sigma).owners)
    # Score maps of the prompt.
    if prompt == "point":
        score_maps = _selected_cells(outputs, points, class_labels, torch.cat(owners).unique(), settings)
    else:
        score_maps = []
        for owner, logits in zip(owners, outputs.class_logits, strict=True):
            score_maps.append(_class_map(owner, class_labels, logits))
    if prompt == "cls":
        score_maps = [classes * scores for classes, scores in zip(score_maps, confidences(outputs), strict=True)]
    return decode_score_maps(outputs, score_maps, settings)


def _class_map(owners: Tensor, class_labels: Tensor, logits: Tensor) -> Tensor:
    """Return a (C, S, S) map with ones in the cells that belong to an object of the class."""
    class_map = torch.zeros_like(logits)
    owned = (owners >= 0).nonzero().flatten()
    class_map.flatten(1)[class_labels[owners[owned]], owned] = 1
    return class_map


def _selected_cells(
    outputs: ImageOutputs, points: Tensor, class_labels: Tensor, survivors: Tensor, settings: DecodingSettings
) -> list[Tensor]:
    """Return score maps with ones at the best cell of each point that owns a cell on some level."""
    survivors = survivors[survivors >= 0]
    points, class_labels = truncated(points[survivors], outputs.canvas), class_labels[survivors]
    # The best level of each point, by class score × maskness.
    kernels = outputs.kernel_table()
    cells = cells_of_points(points, settings.num_grids, outputs.canvas)
    maskness, _ = outputs.masknesses(kernels[cells.flatten()], settings.mask_threshold)
    scores = torch.cat([logits.sigmoid().flatten(1).T for logits in outputs.class_logits])
    scores = scores[cells, class_labels[:, None]] * maskness.view(cells.shape)  # (N, L)
    best, level = scores.max(dim=1)
    chosen = cells.gather(1, level[:, None])[:, 0][best > 0]

    # Ones at the chosen cells, as one map per level.
    flat = scores.new_zeros(len(kernels), len(outputs.class_logits[0]))
    flat[chosen, class_labels[best > 0]] = 1
    counts = [grid**2 for grid in settings.num_grids]
    parts = zip(flat.split(counts), settings.num_grids, strict=True)
    return [part.T.unflatten(1, (grid, grid)) for part, grid in parts]


def truncated(points: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Return points truncated to 1e-4 of the canvas' sides, the precision at which the official code stores them."""
    sides = points.new_tensor([canvas[1], canvas[0]], dtype=torch.float64)
    return (points.double() / sides * 1e4).long().double() / 1e4 * sides
