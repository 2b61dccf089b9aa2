# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Decoding of raw outputs to instances without points.

Everything here works on one image in the frame of the network; the image processors translate from and to pixels of
the original image.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...ops.nms import mask_nms, matrix_nms, point_nms

MASK_PIXELS_PER_CHUNK = 2**22  # pixels of masks that are computed together, which bounds the memory (16 MiB)
MASK_PIXELS_PER_BLOCK = 2**18  # the same where only sums are kept: on a CPU they fit into the cache
MASK_PIXELS_TO_KEEP = 2**22  # most pixels of masks that are kept for a second use; more are computed again as fast
KERNELS_PER_BLOCK = 256
FEW_KERNELS = 10  # two points at five levels; up to here a product with features whose channels lie last is faster


@dataclass(frozen=True)
class DecodingSettings:
    """Fields of a `SOLOv2Config` that determine the decoding.

    Every output carries them, so post-processing does not need the configuration.
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
        """Return the settings of a `SOLOv2Config`."""
        return cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})


class ImageOutputs(NamedTuple):
    """Raw outputs of one image."""

    class_logits: tuple[Tensor, ...]  # one (C, S, S) per level
    kernels: tuple[Tensor, ...]  # one (E, S, S) per level
    mask_features: Tensor  # (E, h, w), h and w are a quarter of the padded canvas

    @classmethod
    def of(cls, outputs: Any, image: int) -> "ImageOutputs":
        """Return the outputs of image number `image` of a `SOLOv2InstanceSegmentationOutput`, in float32."""
        return cls(
            tuple(logits[image].float() for logits in outputs.class_logits),
            tuple(kernels[image].float() for kernels in outputs.kernels),
            outputs.mask_features[image].float(),
        )

    @property
    def canvas(self) -> tuple[int, int]:
        """Return (height, width) of the padded input in pixels."""
        height, width = self.mask_features.shape[-2:]
        return 4 * height, 4 * width

    @property
    def num_labels(self) -> int:
        """Return the number of classes, C."""
        return len(self.class_logits[0])

    def kernel_table(self) -> Tensor:
        """Return the (cells, E) kernels of all cells of all levels, level by level, row by row."""
        return torch.cat([kernels.flatten(1).T for kernels in self.kernels])

    def at_cells(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, L, E) kernels and (N, L, C) class logits of cells, one per level.

        Args:
            cells: (N, L) cells, counted as in `kernel_table`.
        """
        kernels, logits, first = [], [], 0
        for level, own in enumerate(cells.unbind(dim=1)):
            kernels.append(self.kernels[level].flatten(1)[:, own - first].T)
            logits.append(self.class_logits[level].flatten(1)[:, own - first].T)
            first += self.kernels[level][0].numel()
        return torch.stack(kernels, dim=1), torch.stack(logits, dim=1)

    def mask_probabilities(self, kernels: Tensor) -> Tensor:
        """Return (N, h, w) foreground probabilities of (N, E) kernels, computed as one matrix product."""
        return (kernels @ self.mask_features.flatten(1)).float().sigmoid_().unflatten(1, self.mask_features.shape[-2:])

    def probability_chunks(self, kernels: Tensor) -> Iterator[Tensor]:
        """Yield the `mask_probabilities` of (N, E) kernels, a few masks at a time."""
        for chunk in kernels.split(masks_per_chunk(*self.mask_features.shape[-2:])):
            yield self.mask_probabilities(chunk)

    def masknesses(
        self, kernels: Tensor, mask_threshold: float, probabilities: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the maskness and the area of the masks of (N, E) kernels.

        Maskness (N,) is the mean probability of the foreground pixels, 0 for an empty mask; the area (N,) is their
        number at a quarter of the canvas' resolution.

        Args:
            kernels: (N, E) mask kernels.
            mask_threshold: foreground probability of a mask's pixels.
            probabilities: (N, h · w) tensor that receives the foreground probabilities; None does not keep them.
        """
        sums, areas = kernels.new_zeros(len(kernels)), kernels.new_zeros(len(kernels))
        features = self.mask_features.flatten(1)
        # Sums over blocks of kernels and pixels, which leave the cache only as sums. A GPU prefers fewer blocks.
        pixels = MASK_PIXELS_PER_BLOCK if kernels.device.type == "cpu" else MASK_PIXELS_PER_CHUNK
        for start in range(0, len(kernels), KERNELS_PER_BLOCK):
            block = slice(start, start + KERNELS_PER_BLOCK)
            step = max(1, pixels // len(kernels[block]))
            for first, part in zip(range(0, features.shape[1], step), features.split(step, dim=1), strict=True):
                own = _product(kernels[block], part).float().sigmoid_()
                foreground = (own > mask_threshold).float()
                areas[block] += foreground.sum(1)
                sums[block] += (foreground * own).sum(1)
                if probabilities is not None:
                    probabilities[block, first : first + step] = own
        return sums / areas.clamp(min=1), areas


def _product(kernels: Tensor, features: Tensor) -> Tensor:
    """Return the (n, pixels) product of (n, E) kernels and (E, pixels) features, whichever axis lies last in memory."""
    # The other order of the factors reads features with the channels last as they lie, without packing them first.
    if features.stride(0) == 1 and len(kernels) <= FEW_KERNELS:
        return (features.T @ kernels.T).T
    return kernels @ features


def prepared_for_clicks(outputs: Any) -> Any:
    """Return a `SOLOv2InstanceSegmentationOutput` in the form in which repeated decoding of few points is fastest.

    That is float32, and on a CPU mask features with the channels last in memory.
    """
    features = outputs["mask_features"].float()
    if features.device.type == "cpu":
        features = features.contiguous(memory_format=torch.channels_last)
    changes: dict[str, Any] = {"mask_features": features}
    for name in ("class_logits", "kernels"):
        changes[name] = tuple(level.float() for level in outputs[name])
    return type(outputs)(**{**outputs, **changes})


class Instances(NamedTuple):
    """Instances of one image, with masks at a quarter of the padded canvas."""

    probabilities: Tensor  # (N, h, w)
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) descending
    levels: Tensor  # (N,) 0 … 4 for P2 … P6


def confidences(outputs: ImageOutputs) -> list[Tensor]:
    """Return (C, S, S) class probabilities per level, zero except at their peaks (point NMS)."""
    return [point_nms(logits.sigmoid()) for logits in outputs.class_logits]


def decode_instances(outputs: ImageOutputs, settings: DecodingSettings, classes: Tensor | None = None) -> Instances:
    """Decode ordinary instance segmentation: every cell above `settings.score_threshold` proposes a mask.

    Args:
        outputs: outputs of one image.
        settings: thresholds and NMS.
        classes: classes that the image is known to contain (image-level labels); proposals of other classes are
            dropped. None keeps all, as in unlabeled images (paper, table 5).
    """
    score_maps = confidences(outputs)
    if classes is not None:
        present = torch.zeros(len(score_maps[0]), device=score_maps[0].device)
        present[classes] = 1
        score_maps = [scores * present[:, None, None] for scores in score_maps]
    return decode_score_maps(outputs, score_maps, settings)


def decode_score_maps(outputs: ImageOutputs, score_maps: list[Tensor], settings: DecodingSettings) -> Instances:
    """Decode the masks of all cells above the threshold, filtered by area and NMS as in the official code.

    Args:
        outputs: outputs of one image.
        score_maps: one (C, S, S) per level: class probabilities, or scores that a prompt makes of them.
        settings: thresholds, NMS and limits.
    """
    kernels = outputs.kernel_table()
    scores = torch.cat([scores.flatten(1).T for scores in score_maps])  # (cells, C)
    strides, levels = level_of_cells(settings, scores.device)

    # Proposals above the threshold, scored by class score × maskness.
    cells, labels = (scores > settings.score_threshold).nonzero(as_tuple=True)
    unique, position = cells.unique(return_inverse=True)
    maskness, area = (values[position] for values in outputs.masknesses(kernels[unique], settings.mask_threshold))
    scores = scores[cells, labels] * maskness
    # The best of those whose mask has more pixels than the stride of its level (official code).
    large = (area > strides[cells]).nonzero().flatten()
    best = large[scores[large].argsort(descending=True, stable=True)[: settings.nms_top_k]]

    # Non-maximum suppression.
    cells, labels, scores = cells[best], labels[best], scores[best]
    probabilities = outputs.mask_probabilities(kernels[cells])
    binary = probabilities > settings.mask_threshold
    if settings.nms_type == "matrix":
        scores = matrix_nms(binary, labels, scores, settings.nms_kernel, settings.nms_sigma)
        kept = (scores >= settings.update_threshold).nonzero().flatten()
    else:  # the official code uses the mask threshold as IoU threshold, too
        kept = mask_nms(binary, labels, scores, settings.mask_threshold).nonzero().flatten()
    kept = kept[scores[kept].argsort(descending=True, stable=True)[: settings.max_detections]]
    return Instances(probabilities[kept], labels[kept], scores[kept], levels[cells[kept]])


def level_of_cells(settings: DecodingSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (cells,) stride and (cells,) level of every cell, in the order of `kernel_table`."""
    counts = torch.tensor([grid**2 for grid in settings.num_grids], device=device)
    strides = torch.tensor(settings.strides, device=device).repeat_interleave(counts)
    return strides, torch.arange(len(counts), device=device).repeat_interleave(counts)


def masks_per_chunk(height: int, width: int) -> int:
    """Return the number of masks of this size that are computed together."""
    return max(1, MASK_PIXELS_PER_CHUNK // (height * width))
