# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Merging of tiles in bounded memory; what is merged is tested with the models."""

import tracemalloc
from collections.abc import Iterator

import numpy as np

from pointwssis.ops.tile_merging import TileMasks, merge_masks
from pointwssis.ops.tiles import tile_windows

SIZE, TILE = (2048, 2048), 256


def tiles_with_masks(per_tile: int) -> Iterator[TileMasks]:
    """Yield tiles that masks fill, each of a class of its own."""
    for number, window in enumerate(tile_windows(*SIZE, TILE)):
        masks = [(np.ones(window.size, dtype=bool), window) for _ in range(per_tile)]
        yield TileMasks(window, masks, [per_tile * number + index for index in range(per_tile)], [0.5] * per_tile)


def test_masks_of_one_tile_at_a_time_are_dense():
    tracemalloc.start()
    merged = merge_masks(tiles_with_masks(8), SIZE, None)
    areas = [int(mask.sum()) for mask, _ in merged.masks]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert areas == [TILE**2] * len(merged.labels) and len(areas) == 8 * 121
    assert peak < 0.25 * sum(areas)  # all of them take one byte per pixel
