# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO's run-length encoding (RLE) of masks, written and read with NumPy only.

A mask is read column by column as alternating runs of background and foreground, starting with background. From the
fourth on, a run is stored as the difference to the run two before. Each number is stored in groups of 5 bits, lowest
first, one character per group (48 + bits, + 32 if more follow); the highest bit of the last group is the sign. This is
the text format of pycocotools, without needing it: models loaded with `trust_remote_code` may only have NumPy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

from .wording import brief

RLE = dict[str, Any]

_MAX_CHARACTERS = 7  # of one number in compressed text


def encode_mask(mask: "np.ndarray | torch.Tensor") -> RLE:
    """Encode one mask as a compressed COCO RLE with `counts` as text, so that it fits into JSON and Arrow.

    Args:
        mask: (H, W), any dtype; non-zero is foreground.

    Example:
        >>> encode_mask(np.eye(3, dtype=bool))
        {'size': [3, 3], 'counts': '013000'}
    """
    array = _as_bool(mask)
    if array.ndim != 2:
        raise ValueError(f"encode_mask takes one (height, width) mask, got an array of shape {array.shape}")
    # Only the rows and columns from the first to the last one with foreground are read column by column.
    rows, columns = np.flatnonzero(array.any(axis=1)), np.flatnonzero(array.any(axis=0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
    return encode_window(array[top:bottom, left:right], left, top, array.shape)


def encode_window(pixels: "np.ndarray | torch.Tensor", left: int, top: int, size: Sequence[int]) -> RLE:
    """Encode a mask that is empty outside a window; time and memory grow with the window instead of the image.

    Args:
        pixels: (h, w) mask inside the window, non-zero is foreground; fastest in column-major order.
        left: first column of the window in the image.
        top: first row of the window in the image.
        size: [height, width] of the image, which holds the window.

    Example:
        >>> encode_window(np.ones((2, 1)), left=1, top=0, size=(3, 3))
        {'size': [3, 3], 'counts': '324'}
    """
    columns = _as_bool(pixels).T  # (w, h)
    width, height = columns.shape
    # Each foreground run of a column has two borders: its first pixel, and the pixel behind its last one.
    is_border = np.zeros((width, height + 1), dtype=bool)
    if height:
        is_border[:, 0], is_border[:, height] = columns[:, 0], columns[:, -1]
        np.not_equal(columns[:, 1:], columns[:, :-1], out=is_border[:, 1:height])
    places = np.flatnonzero(is_border)
    column = places // (height + 1)
    borders = places + (left + column) * size[0] + top - column * (height + 1)
    if height == size[0]:
        # A run that reaches the bottom goes on at the top of the next column: the two borders there coincide.
        repeats = np.flatnonzero(np.diff(borders) == 0)
        borders = np.delete(borders, np.concatenate([repeats, repeats + 1]))
    return _encoded_borders(borders, size)


def decode_rle(rle: RLE) -> np.ndarray:
    """Decode a compressed COCO RLE to its (H, W) bool mask.

    Raises:
        ValueError: the counts are not valid text, or do not fill the mask.
    """
    (height, width), counts = rle["size"], rle["counts"]
    runs = read_runs(counts)
    if runs.sum() != height * width or (runs < 0).any():
        raise ValueError(
            f"RLE counts sum to {runs.sum()}, not to height × width = {height} × {width} = {height * width}"
        )
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(width, height).T


def rle_covers(rle: RLE, row: int, column: int) -> bool:
    """Return True if a mask covers a pixel, without decoding the mask.

    Args:
        rle: compressed run lengths.
        row: row of the pixel.
        column: column of the pixel.

    Example:
        >>> rle_covers(encode_mask(np.eye(3, dtype=bool)), 1, 1), rle_covers(encode_mask(np.eye(3, dtype=bool)), 0, 1)
        (True, False)
    """
    ends = np.cumsum(read_runs(rle["counts"]))
    # Every second run is foreground, from the second one on.
    position = column * rle["size"][0] + row
    return bool(np.searchsorted(ends, position, side="right") % 2)


def foreground_runs(rle: RLE) -> tuple[np.ndarray, np.ndarray]:
    """Return the first pixel of each foreground run, and the pixel behind its last one, each (N,) int64, ascending.

    A pixel is an index, column · height + row. Memory and time grow with the number of runs.

    Example:
        >>> [places.tolist() for places in foreground_runs(encode_mask(np.eye(3, dtype=bool)))]
        [[0, 4, 8], [1, 5, 9]]
    """
    runs = read_runs(rle["counts"]).astype(np.int64)
    ends = np.cumsum(runs)
    return (ends - runs)[1::2], ends[1::2]


def decode_pixels(rle: RLE) -> np.ndarray:
    """Return the foreground pixels of a compressed COCO RLE as ascending (N,) int64 indices, column · height + row.

    Memory and time grow with the area of the mask instead of that of its image.

    Example:
        >>> decode_pixels(encode_mask(np.eye(3, dtype=bool)))
        array([0, 4, 8])
    """
    # Each foreground run counts up from its start.
    starts, ends = foreground_runs(rle)
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def encode_pixels(pixels: np.ndarray, size: Sequence[int]) -> RLE:
    """Encode foreground pixels as a compressed COCO RLE, the inverse of `decode_pixels`.

    Args:
        pixels: ascending (N,) indices, column · height + row.
        size: [height, width] of the mask.
    """
    # A run starts where the next pixel is not the neighbor of the last one.
    is_start = np.diff(pixels, prepend=-2) != 1
    starts, ends = pixels[is_start], pixels[np.roll(is_start, -1)] + 1
    return _encoded_borders(np.stack([starts, ends], axis=1).ravel(), size)


def _as_bool(mask: Any) -> np.ndarray:
    """Return a mask as a bool array; non-zero is foreground."""
    array = np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask)
    return array if array.dtype == bool else array != 0


def _encoded_borders(borders: np.ndarray, size: Sequence[int]) -> RLE:
    """Encode a mask, given by the first pixel of each foreground run and the one behind its last, in turn.

    Args:
        borders: ascending (2 · runs,) indices, column · height + row.
        size: [height, width] of the mask.
    """
    height, width = size
    borders = np.concatenate([[0], borders, [height * width]])
    runs = borders[1:] - borders[:-1]
    # A mask that ends in the foreground has no last run of background, and one without pixels has no run.
    if len(runs) and runs[-1] == 0:
        runs = runs[:-1]
    return {"size": [int(side) for side in size], "counts": _written(runs)}


def checked_rle(rle: RLE, height: int, width: int) -> RLE:
    """Return a compressed or uncompressed RLE (`counts` as a list) of an image as a compressed one.

    Args:
        rle: dict with `size` [height, width] and `counts`.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Raises:
        ValueError: the RLE is invalid or does not fit the image; the message names the bad value.
    """
    missing = {"size", "counts"} - set(rle)
    if missing:
        raise ValueError(f"RLE lacks {sorted(missing)}; it needs 'size' [height, width] and 'counts'")
    size, counts = rle["size"], rle["counts"]
    if not isinstance(size, (list, tuple)) or [height, width] != list(size):
        raise ValueError(f"RLE size {brief(size)} differs from the image's [height, width] = {[height, width]}")
    # Run lengths of either form, which must fill the mask.
    if isinstance(counts, (list, tuple)):
        bad = [c for c in counts if isinstance(c, bool) or not isinstance(c, (int, np.integer)) or c < 0]
        if bad:
            raise ValueError(f"RLE counts must be non-negative whole numbers of pixels, got {brief(bad[0])}")
        runs: Sequence[int] = counts
    elif isinstance(counts, (str, bytes)):
        runs = read_runs(counts).tolist()
    else:
        raise ValueError(f"RLE counts must be text (compressed) or a list of run lengths, got {type(counts).__name__}")
    if sum(runs) != height * width or min(runs, default=0) < 0:
        raise ValueError(
            f"RLE counts sum to {brief(sum(runs))}, not to height × width = {height} × {width} = {height * width}"
        )
    # pycocotools takes wrong boxes from runs without pixels, which some programs write.
    if isinstance(counts, (list, tuple)) or 0 in runs[1:]:
        counts = _written(_without_empty_runs(np.asarray(runs, dtype=np.int64)))
    return {"size": [height, width], "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def read_runs(counts: str | bytes) -> np.ndarray:
    """Return the (N,) int64 run lengths of COCO's compressed text, without checking for negative ones.

    Raises:
        ValueError: the text is not a compressed RLE, or one of its numbers does not fit into 35 bits.
    """
    data = np.frombuffer(counts if isinstance(counts, bytes) else counts.encode("utf-8", "surrogatepass"), np.uint8)
    wrong = np.flatnonzero((data < 48) | (data >= 112))
    if len(wrong) or (len(data) and data[-1] >= 80):  # the last character announces another one
        position = int(wrong[0]) if len(wrong) else len(data)
        raise ValueError(f"RLE counts {counts!r:.40} are not COCO's compressed text (character {position})")
    # Groups of 5 bits → numbers with sign.
    bits = data.astype(np.int64) - 48
    ends = np.flatnonzero(bits < 32)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts + 1
    # Longer numbers would overflow here and in pycocotools; the pixels of an image need 32 bits.
    if len(lengths) and lengths.max() > _MAX_CHARACTERS:
        raise ValueError(f"RLE counts {counts!r:.40} hold a number of {lengths.max()} characters")
    shifts = 5 * (np.arange(len(bits)) - np.repeat(starts, lengths))
    values = np.add.reduceat((bits & 31) << shifts, starts) if len(ends) else np.zeros(0, np.int64)
    runs = values - ((bits[ends] & 16) != 0) * (np.int64(1) << 5 * lengths)
    # Differences to the run two before → run lengths.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _without_empty_runs(runs: np.ndarray) -> np.ndarray:
    """Return run lengths of the same mask that are positive, except for the first one of a mask that starts with 1."""
    filled = np.flatnonzero(runs)
    if not len(filled):
        return runs[:1]
    # Runs between which nothing is left are one.
    is_start = np.diff(filled % 2, prepend=-1) != 0
    lengths = np.add.reduceat(runs[filled], np.flatnonzero(is_start))
    return np.concatenate([[0], lengths]) if filled[0] % 2 else lengths


def _written(runs: np.ndarray) -> str:
    """Return run lengths as COCO's compressed text, the inverse of `read_runs`."""
    rest = runs.astype(np.int64)
    rest[3:] -= runs[1:-2]
    # Groups of 5 bits of all numbers at once, until each number is complete.
    columns, is_open = [], np.ones(len(rest), bool)
    while is_open.any():
        bits = rest & 31
        rest = rest >> 5
        more = is_open & np.where(bits & 16, rest != -1, rest != 0)
        columns.append(np.where(is_open, bits + 48 + 32 * more, 0))
        is_open = more
    characters = np.stack(columns, axis=1).ravel() if columns else np.zeros(0, np.int64)
    return characters[characters > 0].astype(np.uint8).tobytes().decode("ascii")
