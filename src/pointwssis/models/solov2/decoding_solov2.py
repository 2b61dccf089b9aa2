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

from ...ops.nms import mask_nms, matrix_nms, point_nms

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

    @property
    def num_labels(self) -> int:
        """C, the number of classes."""
        return len(self.class_logits[0])

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


def confidences(outputs: ImageOutputs) -> list[Tensor]:
    """(C, S, S) class probabilities a level, kept only where they peak (point NMS)."""
    return [point_nms(logits.sigmoid()) for logits in outputs.class_logits]


def decode_instances(outputs: ImageOutputs, settings: DecodingSettings, classes: Tensor | None = None) -> Instances:
    """Ordinary instance segmentation: every cell whose class score passes `settings.score_threshold` proposes a mask.

    Args:
        outputs: of one image.
        settings: its thresholds and NMS are used.
        classes: classes known to be in the image (image-level labels); proposals of all others are dropped. Without
            it the threshold alone filters (unlabeled images). Paper, table 5.
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
