# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Lossless conversion of masks to polygons along the edges of their pixels.

A ring is flat, `[x0, y0, x1, y1, …]`, and implicitly closed (its first corner is not repeated), in COCO's convention:
the pixel in column 3 extends from x = 3 to x = 4. Each connected component of a mask (pixels that share a side) is one
ring. A hole is connected to its ring by a seam: the ring runs to the hole, around it and back the same way. Programs
that fill by parity, such as pycocotools, restore the mask exactly; those that also draw the outline lose at most one
pixel along a seam. `coco_masks.segmentation_to_rle` is the inverse.
"""

import numpy as np

_Corner = tuple[int, int]  # (row, column) of grid lines: between the pixels row - 1 and row
_Seam = tuple[int, int]  # (row, ring) of a hole


def mask_to_polygons(mask: np.ndarray) -> list[list[float]]:
    """Return the exact outlines of a mask: pycocotools decodes them to the same pixels.

    Args:
        mask: (H, W), non-zero is foreground.

    Returns:
        One ring per connected component, from top to bottom and left to right; none for an empty mask.

    Example:
        >>> mask = np.zeros((5, 6), dtype=bool)
        >>> mask[1:4, 2:5] = True
        >>> mask_to_polygons(mask)
        [[2.0, 1.0, 5.0, 1.0, 5.0, 4.0, 2.0, 4.0]]
        >>> mask[2, 3] = False  # a hole adds 4 corners, its seam 3
        >>> [len(ring) // 2 for ring in mask_to_polygons(mask)]
        [11]
    """
    padded, origin = _padded_extent(mask)
    return [_in_image(ring, origin) for ring in _cut_out_holes(padded, _rings(padded))]


def _padded_extent(mask: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the part of a mask inside its extent, with a border of background, and its first column and row."""
    mask = np.asarray(mask) != 0
    if mask.ndim != 2:
        raise ValueError(f"a mask must be an array (height, width), got an array of shape {mask.shape}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((2, 2), dtype=bool), (0, 0)
    top, left = int(rows[0]), int(columns[0])  # everything outside the extent is empty
    return np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1), (left, top)


def _in_image(ring: list[_Corner], origin: tuple[int, int]) -> list[float]:
    """Return the corners (row, column) of a ring as flat (x, y) in the image."""
    return (np.array(ring, dtype=float)[:, ::-1] + origin).ravel().tolist()


def mask_outlines(mask: np.ndarray) -> list[list[float]]:
    """Return the outlines of a mask for drawing: holes are rings of their own, without seams; fill them by parity.

    Args:
        mask: (H, W), non-zero is foreground.

    Returns:
        Flat rings `[x0, y0, x1, y1, …]`, none for an empty mask.

    Example:
        >>> mask = np.ones((3, 3), dtype=bool)
        >>> mask[1, 1] = False
        >>> mask_outlines(mask)
        [[0.0, 0.0, 3.0, 0.0, 3.0, 3.0, 0.0, 3.0], [1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0]]
    """
    padded, origin = _padded_extent(mask)
    return [_in_image(ring, origin) for ring in _rings(padded)]


def join_polygons(polygons: list[list[float]]) -> list[float]:
    """Join several rings to one by seams from the first, for formats with one ring per object.

    Filled by parity it covers the union of the rings, provided that they do not overlap.

    Args:
        polygons: flat rings `[x0, y0, x1, y1, …]`, at least one.

    Example:
        >>> join_polygons([[0, 0, 1, 0, 1, 1, 0, 1], [3, 0, 4, 0, 4, 1, 3, 1]])
        [0, 0, 3, 0, 4, 0, 4, 1, 3, 1, 3, 0, 0, 0, 1, 0, 1, 1, 0, 1]
    """
    start = polygons[0][:2]
    detours: list[float] = []
    for ring in polygons[1:]:
        detours += [*start, *ring, *ring[:2]]  # to the ring, around it, back to its first corner
    return [*detours, *polygons[0]]


def _rings(padded: np.ndarray) -> list[list[_Corner]]:
    """Return all rings, outlines and holes, in the order of their first (topmost, then leftmost) corners.

    Corners are the places where an outline turns. Sorted by row, consecutive pairs of corners are the ends of
    horizontal edges; sorted by column, those of vertical edges. Following both in turn walks around a ring. Where two
    pixels touch at a corner only, there are two corners in one place, so that each pixel keeps its own ring.
    """
    # Corners: an odd number of the four pixels around a grid point is foreground, or two diagonal ones.
    above, below = padded[:-1], padded[1:]
    top_left, top_right, bottom_left, bottom_right = above[:, :-1], above[:, 1:], below[:, :-1], below[:, 1:]
    touching = (top_left == bottom_right) & (top_right == bottom_left) & (top_left != top_right)
    turning = top_left ^ top_right ^ bottom_left ^ bottom_right
    row, column = np.nonzero(turning | touching)
    row, column, in_rank = (np.repeat(values, 1 + touching[row, column]) for values in (row, column, row * 0))
    in_rank[1:] = (row[1:] == row[:-1]) & (column[1:] == column[:-1])
    # Of two corners in one place, the first has the edge to the left. Its vertical edge leads upwards if it belongs to
    # the top left pixel, downwards if it belongs to the bottom left one.
    down_rank = np.where(top_left[row, column], in_rank, 1 - in_rank)
    by_column = np.lexsort((down_rank, row, column))
    beside, along = np.arange(len(row)) ^ 1, np.empty(len(row), dtype=np.int64)
    along[by_column[0::2]], along[by_column[1::2]] = by_column[1::2], by_column[0::2]
    # Walk around the rings: a horizontal edge, then a vertical one, until a corner was visited before.
    corners, beside, along = list(zip(row.tolist(), column.tolist(), strict=True)), beside.tolist(), along.tolist()
    rings, seen = [], [False] * len(corners)
    for start in range(len(corners)):
        ring, corner = [], start
        while not seen[corner]:
            ring += [corners[corner], corners[beside[corner]]]
            seen[corner] = seen[beside[corner]] = True
            corner = along[beside[corner]]
        if ring:
            rings.append(ring)
    return rings


def _cut_out_holes(padded: np.ndarray, rings: list[list[_Corner]]) -> list[list[_Corner]]:
    """Return the outlines with their holes connected by seams.

    From the first corner of a hole a seam leads to the left, inside the mask, until it meets an edge. This edge belongs
    to the outline around the hole or to a hole that comes earlier in `rings`, so a backward pass completes each hole
    before it is needed.
    """
    is_hole = [not padded[row + 1, column + 1] for (row, column), *_ in rings]
    edges: dict[int, list[tuple[int, int, int]]] = {}  # column → (top, bottom, ring) of vertical edges
    if any(is_hole):
        for index, ring in enumerate(rings):
            for (row, column), (next_row, _) in zip(ring[1::2], [*ring[2::2], ring[0]], strict=True):
                edges.setdefault(column, []).append((min(row, next_row), max(row, next_row), index))
    # The ring and the column at which the seam of each hole ends.
    seams: dict[tuple[int, int], list[_Seam]] = {}  # (ring, column) → holes that are attached there
    for index in np.flatnonzero(is_hole).tolist():
        row, column = rings[index][0]
        inside = padded[row, : column + 1] & padded[row + 1, : column + 1]
        stop = int(np.flatnonzero(~inside)[-1])
        parent = next(ring for top, bottom, ring in edges[stop] if top <= row <= bottom)
        seams.setdefault((parent, stop), []).append((row, index))
    complete: dict[int, list[_Corner]] = {}
    for index in reversed(range(len(rings))):
        complete[index] = _with_seams(rings[index], index, seams, complete)
    return [complete[index] for index in range(len(rings)) if not is_hole[index]]


def _with_seams(
    ring: list[_Corner], index: int, seams: dict[tuple[int, int], list[_Seam]], complete: dict[int, list[_Corner]]
) -> list[_Corner]:
    """Return a ring with a detour to each hole that is attached to one of its vertical edges."""
    walked: list[_Corner] = []
    for position in range(0, len(ring), 2):
        walked += ring[position : position + 2]
        row, column = ring[position + 1]
        next_row, _ = ring[(position + 2) % len(ring)]
        here = [s for s in seams.get((index, column), ()) if min(row, next_row) <= s[0] <= max(row, next_row)]
        for seam_row, hole in sorted(here, reverse=next_row < row):
            detour = complete.pop(hole)
            walked += [(seam_row, column)] * (seam_row != row) + detour + [detour[0]]
            walked += [(seam_row, column)] * (seam_row != next_row)
    return walked
