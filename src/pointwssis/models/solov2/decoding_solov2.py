# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""From raw outputs to instances: ordinary proposals, and one instance a point (paper, section 3.2).

Everything here works on one image and in the network's frame; the image processors translate from and to original
pixels.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops.mask_ops import mask_nms, matrix_nms, point_nms
from .loss_solov2 import cell_of

DENSE_PIXELS = 2**24  # of masks that are computed at the same time, which bounds the memory (64 MiB of float32)


@dataclass(frozen=True)
class DecodingSettings:
    """What of a `SOLOv2Config` decides how instances are decoded; every output carries it, so post-processing needs
    no config.
    """

    num_grids: list[int]
    scale_ranges: list[list[float]]
    strides: list[int]
    center_sigma: float
    score_threshold: float
    update_threshold: float
    mask_threshold: float
    nms_top_k: int
    max_detections: int
    nms_type: str
    nms_kernel: str
    nms_sigma: float
    level_score: str

    @classmethod
    def of(cls, config: Any) -> "DecodingSettings":
        """The settings of a `SOLOv2Config`."""
        return cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})


class ImageOutputs(NamedTuple):
    """Raw outputs of one image."""

    class_logits: tuple[Tensor, ...]  # (C, S, S) a level
    kernels: tuple[Tensor, ...]  # (E, S, S) a level
    mask_features: Tensor  # (E, h, w), h and w a quarter of the padded canvas

    @classmethod
    def of(cls, outputs: Any, image: int) -> "ImageOutputs":
        """Image number `image` of a batch of `SOLOv2InstanceSegmentationOutput`."""
        return cls(
            tuple(logits[image].float() for logits in outputs.class_logits),
            tuple(kernels[image].float() for kernels in outputs.kernels),
            outputs.mask_features[image].float(),
        )

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the padded input in pixels."""
        height, width = self.mask_features.shape[-2:]
        return 4 * height, 4 * width

    def kernel_table(self) -> Tensor:
        """(cells, E) kernels of all cells of all levels, level by level, row by row."""
        return torch.cat([kernels.flatten(1).T for kernels in self.kernels])

    def mask_probabilities(self, kernels: Tensor) -> Tensor:
        """(N, h, w) foreground probabilities of (N, E) kernels: one product instead of a convolution each."""
        return (kernels @ self.mask_features.flatten(1)).sigmoid().unflatten(1, self.mask_features.shape[-2:])

    def masknesses(self, kernels: Tensor, mask_threshold: float) -> tuple[Tensor, Tensor]:
        """(N,) mean probability of the foreground (0 if none) and (N,) its area, in quarter-resolution pixels."""
        means, areas = [kernels.new_zeros(0)], [kernels.new_zeros(0)]
        for chunk in kernels.split(_at_a_time(*self.mask_features.shape[-2:])):
            probabilities = self.mask_probabilities(chunk).flatten(1)
            foreground = probabilities > mask_threshold
            areas.append(foreground.sum(1).float())
            means.append((probabilities * foreground).sum(1) / areas[-1].clamp(min=1))
        return torch.cat(means), torch.cat(areas)


class Instances(NamedTuple):
    """Instances of one image, masks at a quarter of the padded canvas."""

    probabilities: Tensor  # (N, h, w)
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) descending
    levels: Tensor  # (N,) 0 … 4 for P2 … P6


class PointInstances(NamedTuple):
    """One instance a point, in the order of the points (with "all" levels five a point, one after the other)."""

    probabilities: Tensor  # (N, h, w)
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) class confidence × maskness at the chosen level, whatever the selection maximised
    levels: Tensor  # (N,) chosen level, 0 … 4 for P2 … P6
    level_scores: Tensor  # (N, 5) what the selection compared
    class_scores: Tensor  # (N, C) best confidence × maskness of each class over the levels
    background: Tensor  # (N,) how little speaks for an object at the point, see `background_scores`
    points: Tensor  # (N,) which point each row answers


def confidences(outputs: ImageOutputs) -> list[Tensor]:
    """(C, S, S) class probabilities a level, kept only where they peak (point NMS)."""
    return [point_nms(logits.sigmoid()) for logits in outputs.class_logits]


def decode_instances(outputs: ImageOutputs, settings: DecodingSettings, classes: Tensor | None = None) -> Instances:
    """Ordinary instance segmentation: every cell whose class score passes `settings.score_threshold` proposes a mask.

    Args:
        outputs: of one image.
        settings: its thresholds and NMS are used.
        classes: classes known to be in the image (image-level labels); proposals of all others are dropped. Without
            it the threshold alone filters (unlabelled images). Paper, table 5.
    """
    score_maps = confidences(outputs)
    if classes is not None:
        known = torch.zeros(len(score_maps[0]), device=score_maps[0].device)
        known[classes] = 1
        score_maps = [scores * known[:, None, None] for scores in score_maps]
    return decode_score_maps(outputs, score_maps, settings)


def decode_score_maps(outputs: ImageOutputs, score_maps: list[Tensor], settings: DecodingSettings) -> Instances:
    """Masks of all cells that pass the threshold, filtered by area and NMS as in the official code.

    Args:
        outputs: of one image.
        score_maps: (C, S, S) a level; the class probabilities, or whatever a prompt makes of them.
        settings: thresholds, NMS and limits.
    """
    kernels = outputs.kernel_table()
    scores = torch.cat([scores.flatten(1).T for scores in score_maps])  # (cells, C)
    strides, levels = level_of_cells(settings, scores.device)

    cells, labels = (scores > settings.score_threshold).nonzero(as_tuple=True)
    unique, position = cells.unique(return_inverse=True)
    maskness, area = (values[position] for values in outputs.masknesses(kernels[unique], settings.mask_threshold))
    scores = scores[cells, labels] * maskness
    large = (area > strides[cells]).nonzero().flatten()  # official: more pixels than the stride of the level
    best = large[scores[large].argsort(descending=True, stable=True)[: settings.nms_top_k]]

    cells, labels, scores = cells[best], labels[best], scores[best]
    probabilities = outputs.mask_probabilities(kernels[cells])
    binary = (probabilities > settings.mask_threshold).float()
    if settings.nms_type == "matrix":
        scores = matrix_nms(binary, labels, scores, settings.nms_kernel, settings.nms_sigma)
        kept = (scores >= settings.update_threshold).nonzero().flatten()
    else:  # the official code takes the mask threshold for the IoU threshold too
        kept = mask_nms(binary, labels, scores, settings.mask_threshold).nonzero().flatten()
    kept = kept[scores[kept].argsort(descending=True, stable=True)[: settings.max_detections]]
    return Instances(probabilities[kept], labels[kept], scores[kept], levels[cells[kept]])


def level_of_cells(settings: DecodingSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    """(cells,) stride and (cells,) level of every cell, in the order of `kernel_table`."""
    counts = torch.tensor([grid**2 for grid in settings.num_grids], device=device)
    strides = torch.tensor(settings.strides, device=device).repeat_interleave(counts)
    return strides, torch.arange(len(counts), device=device).repeat_interleave(counts)


def cells_of_points(points: Tensor, num_grids: list[int], canvas: tuple[int, int]) -> Tensor:
    """(N, L) index into `kernel_table` of the cell in which each point lies, level by level.

    Args:
        points: (N, 2), (x, y) in pixels of the padded canvas.
        num_grids: S of each level.
        canvas: (height, width) in pixels.
    """
    offset, cells = 0, []
    for grid in num_grids:
        column, row = cell_of(points, grid, canvas).clamp(0, grid - 1).unbind(dim=1)
        cells.append(offset + row * grid + column)
        offset += grid**2
    return torch.stack(cells, dim=1)


LEVEL_STRATEGIES = ("adaptive", "finest", "size", "all")


def decode_points(
    outputs: ImageOutputs,
    points: Tensor,
    class_labels: Tensor | None,
    settings: DecodingSettings,
    level_strategy: str = "adaptive",
    sizes: Tensor | None = None,
) -> PointInstances:
    """One instance a point: Adaptive Pyramid-Level Selection (paper, section 3.2).

    Each point reads one cell a level; the level with the highest score makes the mask. No point is lost or
    re-matched: points that share a cell both get their mask, and nothing is filtered. A point whose mask is empty at
    every level answers with an empty mask and score 0. (The official code loses the former, and drops the latter.)

    Args:
        outputs: of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        class_labels: (N,) classes, −1 where a point has none; None if no point has one. Then the class with the best
            score at the point's cells is taken.
        settings: `level_score` says what the selection maximises.
        level_strategy: "adaptive"; "finest" (P2 alone); "size" (the levels whose scale range holds `sizes`, the best
            of them); or "all" (no selection, five instances a point, for the ablation of table 2 only).
        sizes: (N,) square root of the object's box area in pixels of the canvas, for "size".
    """
    if level_strategy not in LEVEL_STRATEGIES:
        raise ValueError(f"level_strategy is {level_strategy!r}; it takes one of {LEVEL_STRATEGIES}")
    kernels = outputs.kernel_table()
    cells = cells_of_points(points, settings.num_grids, outputs.canvas)  # (N, L)
    confidence = torch.cat([logits.sigmoid().flatten(1).T for logits in outputs.class_logits])[cells]  # (N, L, C)
    maskness, _ = outputs.masknesses(kernels[cells.flatten()], settings.mask_threshold)
    maskness = maskness.view(cells.shape)  # (N, L)

    scores = confidence * maskness[..., None]  # (N, L, C)
    class_scores = scores.amax(dim=1)  # (N, C)
    labels = class_scores.argmax(dim=1)
    if class_labels is not None:
        labels = torch.where(class_labels >= 0, class_labels, labels)
    own = labels[:, None, None].expand(-1, cells.shape[1], 1)
    scores = scores.gather(2, own)[..., 0]  # (N, L) of the point's class
    compared = scores if settings.level_score == "confidence_times_maskness" else confidence.gather(2, own)[..., 0]
    compared = compared * (maskness > 0)  # an empty mask never wins

    rows = torch.arange(len(points), device=points.device)
    if level_strategy == "all":
        rows, levels = (
            index.flatten()
            for index in torch.meshgrid(rows, torch.arange(cells.shape[1], device=points.device), indexing="ij")
        )
    else:
        eligible = eligible_levels(level_strategy, len(points), sizes, settings).to(points.device)
        levels = compared.masked_fill(~eligible, -1).argmax(dim=1)  # the finest of equals, as in the official code
    return PointInstances(
        probabilities=outputs.mask_probabilities(kernels[cells[rows, levels]]),
        labels=labels[rows],
        scores=scores[rows, levels],
        levels=levels,
        level_scores=compared[rows],
        class_scores=class_scores[rows],
        background=background_scores(outputs, points, confidence, kernels[cells])[rows],
        points=rows,
    )


def background_scores(outputs: ImageOutputs, points: Tensor, confidence: Tensor, kernels: Tensor) -> Tensor:
    """(N,) 1 − the best proposal of each point: class confidence × probability of its mask at the point itself.

    The confidence alone speaks for a whole cell, which on coarse levels may belong to an object beside the point;
    whether the object reaches to the point, its mask knows. The score ranks clicks and is no probability: confidences
    learned with the focal loss are low, so that a threshold to reject clicks by is far above 1/2; `evaluate_clicks`
    finds it.

    Args:
        outputs: of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        confidence: (N, L, C) class probabilities of each point's cells.
        kernels: (N, L, E) of each point's cells.
    """
    height, width = outputs.mask_features.shape[-2:]
    column, row = (points / 4).long().unbind(dim=1)
    features = outputs.mask_features[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]  # (E, N)
    inside = (kernels * features.T[:, None]).sum(dim=-1).sigmoid()  # (N, L)
    return 1 - (confidence.amax(dim=-1) * inside).amax(dim=1)


def eligible_levels(level_strategy: str, num_points: int, sizes: Tensor | None, settings: DecodingSettings) -> Tensor:
    """(N, L) bool: the levels among which each point may choose."""
    num_levels = len(settings.num_grids)
    if level_strategy == "adaptive":
        return torch.ones(num_points, num_levels, dtype=torch.bool)
    if level_strategy == "finest":
        return (torch.arange(num_levels) == 0).expand(num_points, -1)
    if sizes is None or len(sizes) != num_points:
        raise ValueError("level_strategy 'size' needs `sizes`, the square root of the box area of each point's object")
    lower, upper = torch.tensor(settings.scale_ranges, dtype=torch.float32).unbind(dim=1)
    # Objects beyond every range belong to the smallest or largest level; the official code loses them.
    sizes = sizes.float().cpu().clamp(lower.min(), upper.max() - 1e-3)[:, None]
    return (sizes >= lower) & (sizes < upper)


def masks_in_image(
    probabilities: Tensor, valid_size: tuple[int, int], target_size: tuple[int, int], mask_threshold: float
) -> Tensor:
    """Masks at their original size: × 4, padding cropped off, resized to the image, cut at the threshold.

    Both resizes of the official code are bilinear and so linear along each axis: here they are one matrix an axis. No
        intermediate at
    the network's resolution is made.

    Args:
        probabilities: (N, h, w) at a quarter of the padded canvas.
        valid_size: (height, width) of the image inside the canvas, in pixels.
        target_size: (height, width) of the original image.

    Returns:
        (N, height, width) bool.
    """
    rows = resize_matrix(probabilities.shape[1], valid_size[0], target_size[0], probabilities.device)  # (H, h)
    columns = resize_matrix(probabilities.shape[2], valid_size[1], target_size[1], probabilities.device)  # (W, w)
    masks = torch.zeros(len(probabilities), *target_size, dtype=torch.bool, device=probabilities.device)
    step = _at_a_time(*target_size)
    for start in range(0, len(masks), step):
        chunk = slice(start, start + step)
        masks[chunk] = rows @ probabilities[chunk] @ columns.T > mask_threshold
    return masks


def _at_a_time(height: int, width: int) -> int:
    """How many masks of that size to compute at once."""
    return max(1, DENSE_PIXELS // (height * width))


def resize_matrix(source: int, valid: int, target: int, device: torch.device) -> Tensor:
    """(target, source) weights of: bilinear × 4, the first `valid` pixels, bilinear to `target`."""
    enlarged = F.interpolate(
        torch.eye(source, device=device)[None], size=4 * source, mode="linear", align_corners=False
    )
    return F.interpolate(enlarged[..., :valid], size=target, mode="linear", align_corners=False)[0].T
