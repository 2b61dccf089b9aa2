# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO's run lengths (RLE) of masks, written and read with NumPy alone.

A mask is read column by column as runs of background and foreground in turn, the first of background. From the fourth
on a run is written as its difference to the one two before; each number as groups of 5 bits, lowest first, a character
each (48 + bits, + 32 where more follow), the last group with the sign in its highest bit. That is the text of
pycocotools, which is not needed for it: models that are loaded by `trust_remote_code` have no more than NumPy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

RLE = dict[str, Any]


def encode_mask(mask: np.ndarray | torch.Tensor) -> RLE:
    """Compresses one mask to a COCO RLE, `counts` as text, so that it fits into JSON and Arrow.

    Args:
        mask: (H, W), any dtype; non-zero is foreground.

    Example:
        >>> encode_mask(np.eye(3, dtype=bool))
        {'size': [3, 3], 'counts': '013000'}
    """
    array = np.asarray(mask.cpu() if isinstance(mask, torch.Tensor) else mask) != 0
    if array.ndim != 2:
        raise ValueError(f"encode_mask takes one (height, width) mask, got an array of shape {array.shape}")
    pixels = array.ravel(order="F")
    starts = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    first = [0, 0] if pixels.size and pixels[0] else [0]
    runs = np.diff(np.concatenate([first, starts, [pixels.size]])) if pixels.size else np.zeros(0, np.int64)
    return {"size": [int(side) for side in array.shape], "counts": _written(runs)}


def decode_rle(rle: RLE) -> np.ndarray:
    """Turns a compressed COCO RLE into its (H, W) bool mask.

    Raises:
        ValueError: the counts are no such text, or do not fill the mask.
    """
    (height, width), counts = rle["size"], rle["counts"]
    runs = read_runs(counts)
    if runs.sum() != height * width or (runs < 0).any():
        raise ValueError(
            f"RLE counts sum to {runs.sum()}, not to height × width = {height} × {width} = {height * width}"
        )
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(width, height).T


def checked_rle(rle: RLE, height: int, width: int) -> RLE:
    """The compressed RLE of an image out of a compressed or an uncompressed one (`counts` as a list).

    Raises:
        ValueError: it is none, or does not fit the image; the message says what is wrong with which value.
    """
    missing = {"size", "counts"} - set(rle)
    if missing:
        raise ValueError(f"RLE lacks {sorted(missing)}; it takes 'size' [height, width] and 'counts'")
    size, counts = rle["size"], rle["counts"]
    if not isinstance(size, (list, tuple)) or [height, width] != list(size):
        raise ValueError(f"RLE size {size!r} differs from the image's [height, width] = {[height, width]}")
    if isinstance(counts, (list, tuple)):
        bad = [c for c in counts if isinstance(c, bool) or not isinstance(c, (int, np.integer)) or c < 0]
        if bad:
            raise ValueError(f"RLE counts hold {bad[0]!r}; they are non-negative whole numbers of pixels")
        runs: Sequence[int] = counts
    elif isinstance(counts, (str, bytes)):
        runs = read_runs(counts).tolist()
    else:
        raise ValueError(
            f"RLE counts are a {type(counts).__name__}; they take text (compressed) or a list of run lengths"
        )
    if sum(runs) != height * width or min(runs, default=0) < 0:
        raise ValueError(
            f"RLE counts sum to {sum(runs)}, not to height × width = {height} × {width} = {height * width}"
        )
    if isinstance(counts, (list, tuple)):
        counts = _written(np.asarray(counts, dtype=np.int64))
    return {"size": [height, width], "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def read_runs(counts: str | bytes) -> np.ndarray:
    """Run lengths, (N,) int64, out of COCO's compressed text; negative ones are not looked for.

    Raises:
        ValueError: this is no such text.
    """
    data = np.frombuffer(counts if isinstance(counts, bytes) else counts.encode("utf-8", "surrogatepass"), np.uint8)
    wrong = np.flatnonzero((data < 48) | (data >= 112))
    if len(wrong) or (len(data) and data[-1] >= 80):  # the last one says that more follow
        position = int(wrong[0]) if len(wrong) else len(data)
        raise ValueError(f"RLE counts {counts!r:.40} are not COCO's compressed text (character {position})")
    bits = data.astype(np.int64) - 48
    ends = np.flatnonzero(bits < 32)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts + 1
    shifts = 5 * (np.arange(len(bits)) - np.repeat(starts, lengths))
    values = np.add.reduceat((bits & 31) << shifts, starts) if len(ends) else np.zeros(0, np.int64)
    runs = values - ((bits[ends] & 16) != 0) * (np.int64(1) << 5 * lengths)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _written(runs: np.ndarray) -> str:
    """The inverse of `read_runs`."""
    rest = runs.astype(np.int64)
    rest[3:] -= runs[1:-2]
    columns, is_open = [], np.ones(len(rest), bool)
    while is_open.any():
        bits = rest & 31
        rest = rest >> 5
        more = is_open & np.where(bits & 16, rest != -1, rest != 0)
        columns.append(np.where(is_open, bits + 48 + 32 * more, 0))
        is_open = more
    characters = np.stack(columns, axis=1).ravel() if columns else np.zeros(0, np.int64)
    return characters[characters > 0].astype(np.uint8).tobytes().decode("ascii")
