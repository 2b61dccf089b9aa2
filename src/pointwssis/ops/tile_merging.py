# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Instances of overlapping tiles, merged to those of the image: duplicates removed, cut ones replaced or joined."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .tiles import Window

MAX_IOU = 0.5  # instances of two tiles that overlap more are one object
MAX_COVERAGE = 0.7  # fraction of an instance that a better one of another tile may cover
BORDER = 2  # pixels; a mask that comes this near to an inner border of its tile is cut by it


class TileMasks(NamedTuple):
    """Instances of one tile."""

    tile: Window  # in the image
    masks: Sequence[tuple[np.ndarray, Window]]  # N, each (h, w) bool and the window of the image that it fills
    labels: Sequence[int]  # N
    scores: Sequence[float]  # N


class MergedMasks(NamedTuple):
    """Instances of one image in descending order of score."""

    masks: Iterator[tuple[np.ndarray, Window]]  # N, each (h, w) bool and the window of the image that it fills
    labels: list[int]
    scores: list[float]


@dataclass
class _Candidate:
    """One instance in the frame of the image."""

    bits: np.ndarray  # (h, w / 8) uint8, eight pixels per byte: the masks of all tiles are in memory at once
    area: int  # pixels
    box: Window  # of the mask
    windows: list[Window]  # tiles that it comes from
    is_cut: bool  # by an inner border
    label: int
    score: float

    @classmethod
    def of(cls, mask: np.ndarray, *values: Any) -> "_Candidate":
        """Return the candidate with a (h, w) bool mask; the other values start with the box."""
        return cls(np.packbits(mask, axis=1), int(mask.sum()), *values)

    def mask(self) -> np.ndarray:
        """Return the (h, w) bool mask inside `box`."""
        return self.part(self.box)

    def part(self, box: Window) -> np.ndarray:
        """Return the mask inside a box, which must not exceed the own one."""
        rows = self.bits[box.top - self.box.top : box.bottom - self.box.top]
        pixels = np.unpackbits(rows, axis=1, count=self.box.right - self.box.left)
        return pixels[:, box.left - self.box.left : box.right - self.box.left].view(bool)


def merge_masks(parts: Iterable[TileMasks], image_size: tuple[int, int], max_detections: int | None) -> MergedMasks:
    """Merge the instances of all tiles of one image, tile by tile: in between, a mask takes one bit per pixel.

    Instances that no inner border cuts precede the others, and better ones worse ones. An instance is dropped if one
    of another tile and of the same class, which precedes it, overlaps it by more than `MAX_IOU` or covers more than
    `MAX_COVERAGE` of it. Two that are both cut and agree where their tiles overlap are the halves of an object larger
    than the overlap; they are joined, and so are the parts of one that more tiles show.

    Args:
        parts: instances of each tile.
        image_size: (height, width) of the image.
        max_detections: most instances of the image; None sets no limit.
    """
    candidates = [candidate for part in parts for candidate in _candidates(part, *image_size)]
    candidates.sort(key=lambda candidate: (candidate.is_cut, -candidate.score))
    kept: list[_Candidate | None] = []  # None is one that became part of another
    boxes = np.zeros((len(candidates), 5))  # of the kept ones: box and label
    for candidate in candidates:
        # Only instances of the same class whose boxes meet are compared.
        left, top, right, bottom, label = boxes[: len(kept)].T
        box = candidate.box
        meets = (left < box.right) & (right > box.left) & (top < box.bottom) & (bottom > box.top)
        near = np.flatnonzero(meets & (label == candidate.label)).tolist()
        near = [index for index in near if candidate.windows[0] not in kept[index].windows]
        halves = [index for index in near if _is_other_half(candidate, kept[index])]
        if not halves and any(_is_duplicate(candidate, kept[index]) for index in near):
            continue
        # The middle of an object that three tiles show joins parts that do not meet each other.
        for index in halves:
            candidate = _joined(kept[index], candidate)
            kept[index], boxes[index] = None, 0
        boxes[len(kept)] = (*candidate.box, candidate.label)
        kept.append(candidate)
    kept = [candidate for candidate in kept if candidate is not None]
    kept.sort(key=lambda candidate: -candidate.score)
    kept = kept[:max_detections]
    masks = ((one.mask(), one.box) for one in kept)
    return MergedMasks(masks, [one.label for one in kept], [one.score for one in kept])


def _candidates(part: TileMasks, height: int, width: int) -> list[_Candidate]:
    """Return the instances of one tile in the frame of the image; empty masks are left out."""
    candidates = []
    for (mask, window), label, score in zip(part.masks, part.labels, part.scores, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            continue
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        pixels = mask[top:bottom, left:right]
        x, y = window.left, window.top
        box = Window(left + x, top + y, right + x, bottom + y)
        is_cut = _is_cut(box, part.tile, height, width)
        candidates.append(_Candidate.of(pixels, box, [part.tile], is_cut, label, score))
    return candidates


def _is_cut(box: Window, tile: Window, height: int, width: int) -> bool:
    """Return True for a mask that comes near to a border of its tile that is not one of the image."""
    return (
        (tile.top > 0 and box.top < tile.top + BORDER)
        or (tile.bottom < height and box.bottom > tile.bottom - BORDER)
        or (tile.left > 0 and box.left < tile.left + BORDER)
        or (tile.right < width and box.right > tile.right - BORDER)
    )


def _common(first: Window, second: Window) -> Window:
    """Return the intersection of two windows that meet."""
    return Window(*np.maximum(first[:2], second[:2]).tolist(), *np.minimum(first[2:], second[2:]).tolist())


def _intersection(first: _Candidate, second: _Candidate) -> int:
    """Return the number of pixels that two instances share."""
    box = _common(first.box, second.box)
    return int((first.part(box) & second.part(box)).sum())


def _is_duplicate(candidate: _Candidate, better: _Candidate) -> bool:
    """Return True if a better instance shows the same object."""
    shared = _intersection(candidate, better)
    return shared > MAX_IOU * (candidate.area + better.area - shared) or shared > MAX_COVERAGE * candidate.area


def _is_other_half(candidate: _Candidate, other: _Candidate) -> bool:
    """Return True if two cut instances agree in the region that both tiles show."""
    if not (candidate.is_cut and other.is_cut):
        return False
    # Pixels of each inside the tiles of the other
    mask, other_mask = candidate.mask(), other.mask()
    inside, other_inside = np.zeros_like(mask), np.zeros_like(other_mask)
    for one, flags, windows in ((candidate, inside, other.windows), (other, other_inside, candidate.windows)):
        for window in windows:
            left, top, right, bottom = _common(one.box, window)
            if right > left and bottom > top:
                flags[top - one.box.top : bottom - one.box.top, left - one.box.left : right - one.box.left] = True
    areas = (mask & inside).sum() + (other_mask & other_inside).sum()
    shared = _intersection(candidate, other)
    return shared > MAX_IOU * (areas - shared)


def _joined(first: _Candidate, second: _Candidate) -> _Candidate:
    """Return the union of two instances, with the higher score."""
    boxes = np.array([first.box, second.box])
    box = Window(*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    mask = np.zeros(box.size, dtype=bool)
    for one in (first, second):
        left, top, right, bottom = one.box
        mask[top - box.top : bottom - box.top, left - box.left : right - box.left] |= one.mask()
    score = max(first.score, second.score)
    return _Candidate.of(mask, box, [*first.windows, *second.windows], True, first.label, score)
