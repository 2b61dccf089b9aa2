# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Parts of the exported networks that are computed in another way than in the library."""

import pytest
import torch

from pointwssis.models.solov2.grid_solov2 import cells_of_points
from pointwssis.models.solov2.modeling_solov2 import evenly_spaced
from pointwssis.onnx_export.graphs import cells_at

GRIDS = [40, 36, 24, 16, 12]


@pytest.mark.parametrize(("height", "width"), [(800, 1088), (256, 256), (32, 1344)])
def test_cells_of_points_on_their_borders(height, width):
    # Borders of the cells of every level, and eighths of a pixel along a row.
    points = [torch.rand(1000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([width, height])]
    points.append(torch.stack([torch.arange(8 * width) / 8, torch.full((8 * width,), height / 3)], dim=1))
    for grid in GRIDS:
        steps = torch.arange(grid + 1)[:, None]
        points.append(steps * torch.tensor([width, height]) / grid)
    points = torch.cat(points)
    relative = points / torch.tensor([width, height])
    assert torch.equal(cells_at(relative, GRIDS), cells_of_points(points, GRIDS, (height, width)))


@pytest.mark.parametrize("count", [1, 2, 25])
def test_coordinates_of_an_exported_network(monkeypatch, count):
    expected = evenly_spaced(count)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(evenly_spaced(count), expected)
