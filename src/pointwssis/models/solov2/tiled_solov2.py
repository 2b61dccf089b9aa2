# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 on the tiles of an image of any size: a few tiles at a time go through the network and are decoded.

The memory then depends on the size of the tiles only, beside that of the image and of the results.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...ops.tiles import Window, most_central_windows, tile_windows
from ...ops.windowed_masks import WindowedMask
from .decoding_solov2 import DecodingSettings
from .frame_results_solov2 import PointResultForm, instances_of_frames, points_of_frames
from .frames_solov2 import Frame
from .merging_solov2 import TileInstances, merge_tiles

TILES_PER_PASS = 16  # most tiles that go through the network together

EncodedTiles = Iterable[tuple[Any, list[Frame]]]
"""Outputs of some tiles of one image, and the frames of these tiles; all tiles, in several such parts."""


def windows_of_points(points: Tensor, image_size: tuple[int, int], tile_size: int | None) -> list[Window]:
    """Return for each point the tile that it is decoded in: the one in which it is most central.

    Args:
        points: (N, 2) on the CPU, (x, y) in pixels of the image.
        image_size: (height, width) of the image.
        tile_size: side of the tiles in pixels of the image.
    """
    windows = tile_windows(*image_size, tile_size)
    owners = most_central_windows(np.asarray(points, dtype=np.float64), windows, *image_size)
    return [windows[owner] for owner in owners.tolist()]


def encode_tiles(
    network: Callable[..., Any],
    image_processor: Any,
    image: Image.Image,
    tile_size: int | None,
    device: torch.device,
    points: Tensor | None = None,
) -> Iterator[tuple[Any, list[Frame]]]:
    """Yield the outputs of the tiles of an image with their frames, at most `TILES_PER_PASS` tiles together.

    Args:
        network: a `SOLOv2ForInstanceSegmentation`, its `encode`, or a wrapper of it.
        image_processor: its image processor; each tile is scaled to its `size`.
        image: upright RGB image.
        tile_size: side of the tiles in pixels of the image; None encodes the whole image, as one tile.
        device: device of the network.
        points: (N, 2) on the CPU; only tiles that decode one of these points are encoded. None encodes all tiles.
    """
    image_size = (image.height, image.width)
    windows = tile_windows(*image_size, tile_size)
    if points is not None:
        needed = set(windows_of_points(points, image_size, tile_size))
        windows = [window for window in windows if window in needed]
    # Windows are cut here, so the image processor takes each as an image of its own.
    image_processor = copy.copy(image_processor)
    image_processor.tile_size = None
    for start in range(0, len(windows), TILES_PER_PASS):
        chunk = windows[start : start + TILES_PER_PASS]
        crops = [image.crop(window) for window in chunk]
        sides = None if tile_size is None else [tile_size] * len(chunk)
        encoded = image_processor(crops, window_sides=sides, return_tensors="pt").to(device)
        outputs = network(encoded["pixel_values"], encoded.get("pixel_mask"))
        frames = []
        for number, (window, valid_size) in enumerate(zip(chunk, outputs["valid_sizes"].tolist(), strict=True)):
            frames.append(Frame(number, tuple(valid_size), window, image_size))
        yield outputs, frames
        del encoded, outputs  # before the next ones are computed


def instances_of_tiles(
    encoded: EncodedTiles,
    settings: DecodingSettings,
    threshold: float,
    max_instances: int | None = None,
    classes: Tensor | None = None,
) -> tuple[Iterable[WindowedMask], Tensor, Tensor]:
    """Return the instances of an image without points, merged over its tiles, best first.

    Args:
        encoded: all tiles of the image.
        settings: decoding settings; `max_detections` limits each tile.
        threshold: lowest score of an instance.
        max_instances: most instances of the image; None sets no limit.
        classes: class ids that the image is known to contain; None allows all.

    Returns:
        N masks, which can be read once, (N,) labels and (N,) scores.
    """

    def instances() -> Iterator[TileInstances]:
        for outputs, frames in encoded:
            yield from instances_of_frames(outputs, frames, settings, threshold, classes)
            del outputs  # before the next ones are computed

    parts = instances()
    first = next(parts)
    image_size = first.frame.image_size
    if first.frame.window.size == image_size:  # one tile
        return first[1:]
    return merge_tiles(chain([first], parts), image_size, first.scores.device, max_instances)


def points_of_tiles(
    encoded: EncodedTiles,
    points: Tensor,
    labels: Tensor,
    tile_size: int,
    settings: DecodingSettings,
    level_strategy: str,
    form: PointResultForm,
) -> list[dict[str, Any]]:
    """Return one instance per point, in the order of the points.

    Args:
        encoded: tiles of the image, at least those that decode a point.
        points: (N, 2) float64 on the CPU, (x, y) in pixels of the image.
        labels: (N,) int64 class ids, −1 for an unknown class.
        tile_size: side of the tiles in pixels of the image.
        settings: decoding settings.
        level_strategy: see `decode_points`.
        form: form of the results.
    """
    found: dict[int, dict[str, Any]] = {}
    owners: list[Window] | None = None
    for outputs, frames in encoded:
        owners = owners or windows_of_points(points, frames[0].image_size, tile_size)
        here = {frame.window for frame in frames}
        rows = [row for row, owner in enumerate(owners) if owner in here]
        own = torch.tensor(rows, dtype=torch.long)
        instances = points_of_frames(outputs, frames, points[own], labels[own], settings, level_strategy, None, form)
        for row, instance in zip(rows, instances, strict=True):
            found[row] = {**instance, "point_index": row}
        del outputs  # before the next ones are computed
    return [found[row] for row in range(len(points))]


__all__ = ["EncodedTiles", "encode_tiles", "instances_of_tiles", "points_of_tiles", "windows_of_points"]
