# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Train–val leakage: validation images that are, or resemble, training images."""

import numpy as np

from .findings import NOTE, WARNING, Findings
from .image_checks import THUMBNAIL_SIDE, ImageScan

# Correlation of 16 × 16 grayscale thumbnails above which images are near-duplicates. After JPEG compression, halving or
# brightening, 95% of 54 microscopy images still correlate with the original by more than 0.99. Of the 220,000 pairs of
# 664 such images one exceeds 0.7 (two slices of one embryo, 0.983); of the 1,431 pairs of 54 photographs none does.
NEAR_DUPLICATE = 0.97
_MIN_DEVIATION = 1.0  # gray levels; thumbnails below it are flat and correlate with any other flat one
_ROWS_PER_CHUNK = 4096


def find_leaks(train: ImageScan, validation: ImageScan, findings: Findings) -> None:
    """Find validation images that are training images, or nearly so.

    Args:
        train: results of the training images.
        validation: results of the validation images.
        findings: receives identical files and near-duplicates.
    """
    position_of = {digest: position for position, digest in enumerate(train.digests) if digest is not None}
    # Files with the same content.
    same = set()
    for position, digest in enumerate(validation.digests):
        if digest is not None and digest in position_of:
            same.add(position)
            twin = position_of[digest]
            example = f"{validation.names[position]} is {train.names[twin]} of {train.split}"
            places = [(train.split, twin), (validation.split, position)]
            remedy = "evaluation on training images is too optimistic: remove them from one split"
            findings.add(WARNING, "validation images that are also training images", example, remedy, places)
    # Similar images that are not the same file.
    for position, twin, correlation in near_duplicates(train, validation):
        if position not in same:
            example = f"{validation.names[position]} resembles {train.names[twin]} of {train.split} ({correlation:.3f})"
            places = [(train.split, twin), (validation.split, position)]
            remedy = "compare them: copies and neighboring frames make the evaluation too optimistic"
            findings.add(NOTE, "validation images that resemble a training image", example, remedy, places)


def near_duplicates(train: ImageScan, validation: ImageScan) -> list[tuple[int, int, float]]:
    """Return validation images whose thumbnail correlates with that of a training image by more than `NEAR_DUPLICATE`.

    Returns:
        (index in `validation`, index of the most similar image in `train`, correlation) per image.
    """
    wanted, wanted_positions = _normalized(validation)
    best, best_positions = np.full(len(wanted), -1.0), np.zeros(len(wanted), dtype=np.int64)
    learned, learned_positions = _normalized(train)
    # The best match so far, improved by one chunk of training images at a time to bound the memory.
    for start in range(0, len(learned), _ROWS_PER_CHUNK):
        correlation = wanted @ learned[start : start + _ROWS_PER_CHUNK].T  # (validation, chunk of train)
        if not correlation.size:
            continue
        nearest = correlation.argmax(axis=1)
        value = correlation[np.arange(len(wanted)), nearest]
        better = value > best
        best[better], best_positions[better] = value[better], learned_positions[start + nearest[better]]
    return [
        (int(wanted_positions[i]), int(best_positions[i]), float(best[i]))
        for i in np.flatnonzero(best > NEAR_DUPLICATE)
    ]


def _normalized(scan: ImageScan) -> tuple[np.ndarray, np.ndarray]:
    """Return thumbnails as (N, 256) float32 of mean 0 and norm 1, without flat ones, and their indices."""
    values = np.array(scan.thumbnails, dtype=np.float32).reshape(-1, THUMBNAIL_SIDE**2)
    values -= values.mean(axis=1, keepdims=True)
    kept = np.flatnonzero(values.std(axis=1) > _MIN_DEVIATION)
    values = values[kept]
    return values / np.linalg.norm(values, axis=1, keepdims=True), kept
