# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Grid cells: the cell that contains a point, and the positive cells of an object."""

from typing import NamedTuple

import torch
from torch import Tensor


class LevelTargets(NamedTuple):
    """Targets of one pyramid level for one image."""

    # (P,) flat index row · S + column of each positive cell, ordered by object, row, column; cells may repeat
    cells: Tensor
    objects: Tensor  # (P,) index of the object whose mask each positive cell learns
    owners: Tensor  # (S · S,) index of the object whose class each cell learns, −1 for background


def assign_cells(
    centers: Tensor,
    boxes: Tensor,
    num_grid: int,
    scale_range: tuple[float, float],
    canvas: tuple[int, int],
    sigma: float,
) -> LevelTargets:
    """Assign objects to the cells of one level.

    Args:
        centers: (N, 2) centers of mass, (x, y) in pixels of the canvas.
        boxes: (N, 4) xyxy in pixels of the canvas; the square root of their area determines the level.
        num_grid: cells along each side, S.
        scale_range: [lower, upper) of that square root, in pixels.
        canvas: (height, width) of the padded input in pixels, which the grid covers.
        sigma: fraction of the box around the center whose cells are positive, at most the 3 × 3 cells around the
            center; 0 gives the center's cell only.
    """
    # Objects whose size belongs to this level.
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)  # (N, 2) width, height
    scale = (sizes[:, 0] * sizes[:, 1]).sqrt()
    chosen = ((scale >= scale_range[0]) & (scale < scale_range[1])).nonzero().flatten()
    centers, half = centers[chosen], 0.5 * sigma * sizes[chosen]

    # The cell of the center, and the range of positive cells around it.
    middle = cell_of(centers, num_grid, canvas)  # (n, 2) column, row
    first = torch.maximum(cell_of(centers - half, num_grid, canvas).clamp(min=0), middle - 1)
    last = torch.minimum(cell_of(centers + half, num_grid, canvas).clamp(max=num_grid - 1), middle + 1)

    # Of the 3 × 3 cells around the center those inside the range.
    steps = torch.arange(-1, 2, device=centers.device)
    columns, rows = middle[:, :1] + steps, middle[:, 1:] + steps  # (n, 3) each
    inside_columns = (columns >= first[:, :1]) & (columns <= last[:, :1])
    inside_rows = (rows >= first[:, 1:]) & (rows <= last[:, 1:])
    objects, row, column = (inside_rows[:, :, None] & inside_columns[:, None, :]).nonzero(as_tuple=True)
    cells = rows[objects, row] * num_grid + columns[objects, column]
    objects = chosen[objects]

    owners = torch.full((num_grid**2,), -1, device=centers.device, dtype=torch.long)
    owners.scatter_reduce_(0, cells, objects, "amax")  # the last object owns a shared cell
    return LevelTargets(cells, objects, owners)


def cell_of(points: Tensor, num_grid: int, canvas: tuple[int, int]) -> Tensor:
    """Return (N, 2) column and row of the cells that contain points, by float32 floor division as in the official code.

    Args:
        points: (N, 2), (x, y) in pixels of the padded canvas.
        num_grid: cells along each side, S.
        canvas: (height, width) in pixels.
    """
    height, width = canvas
    relative = points / points.new_tensor([width, height])
    return torch.div(relative, 1.0 / num_grid, rounding_mode="floor").long()


def cells_of_points(points: Tensor, num_grids: list[int], canvas: tuple[int, int]) -> Tensor:
    """Return the (N, L) index into `kernel_table` of the cell that contains each point, on every level.

    Args:
        points: (N, 2), (x, y) in pixels of the padded canvas.
        num_grids: cells along each side, S, of each level.
        canvas: (height, width) in pixels.
    """
    offset, cells = 0, []
    for grid in num_grids:
        column, row = cell_of(points, grid, canvas).clamp(0, grid - 1).unbind(dim=1)
        cells.append(offset + row * grid + column)
        offset += grid**2
    return torch.stack(cells, dim=1)
