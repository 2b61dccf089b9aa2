# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Fit of objects and points to the pyramid of SOLOv2 at a given input.

Compared are object sizes with scale ranges, points with the grid cells that they share, and the number of objects per
image with the detection limit.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..models.factory import check_configuration
from ..models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..models.solov2.grid_solov2 import cells_of_points
from ..ops.coco_masks import rle_box
from ..ops.image_sizes import shortest_edge_size
from ..ops.tiles import Window, most_central_windows, tile_windows
from ..ops.wording import counted
from ..runs.recipe import Recipe
from .findings import NOTE, WARNING, Findings

SMALL = 8  # pixels at the input; masks have a quarter of its resolution, so smaller objects have under 2 × 2 pixels
MAX_SMALL_SHARE = 0.1  # fraction of small objects that is not worth a warning
SIZE_EDGES = (0, 4, 8, 16, 32, 64, 128, 256, 512, np.inf)
_STRIDE = 32  # coarsest stride, of which the padded input is a multiple


@dataclass(frozen=True)
class InputSettings:
    """Input and pyramid of a SOLOv2; the fields are those of `Recipe` and `SOLOv2Config`."""

    image_size: Mapping[str, int]
    pad_size: Mapping[str, int] | None
    num_grids: Sequence[int]
    scale_ranges: Sequence[Sequence[float]]
    max_detections: int
    tile_size: int | None = None

    @classmethod
    def of_recipe(cls, recipe: Recipe, teacher: bool = False) -> "InputSettings":
        """Return the settings of a recipe's students, or of its teacher.

        Raises:
            UserError: the recipe's `model` or `teacher_model` is not a valid configuration.
        """
        fields: dict[str, Any] = {}
        # The same defaults and the same order of precedence as in a run
        if teacher:
            fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        fields |= recipe.model | (recipe.teacher_model if teacher else {})
        # Only the fields of the pyramid count here, and they are checked before they are used.
        pyramid = {name: fields[name] for name in ("num_grids", "scale_ranges") if name in fields}
        check_configuration(SOLOv2Config, pyramid, "teacher_model" if teacher else "model")
        config = SOLOv2Config(**pyramid)
        return cls(
            recipe.image_size,
            recipe.pad_size,
            tuple(config.num_grids),
            tuple(map(tuple, config.scale_ranges)),
            fields.get("max_detections", recipe.max_detections),
            recipe.tile_size,
        )

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) in pixels of a scaled image, all tiles of which are scaled by the same factor."""
        edges = self.image_size["shortest_edge"], self.image_size.get("longest_edge")
        if self.tile_size is None:
            return shortest_edge_size(height, width, *edges)
        scaled_tile, _ = shortest_edge_size(self.tile_size, self.tile_size, *edges)
        return round(height * scaled_tile / self.tile_size), round(width * scaled_tile / self.tile_size)

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) in pixels of the padded input that the grids span, for an image alone in its batch."""
        if self.pad_size is not None:
            return self.pad_size["height"], self.pad_size["width"]
        if self.tile_size is not None:
            height, width = self.tile_size, self.tile_size
        return tuple(-(-side // _STRIDE) * _STRIDE for side in self.resized(height, width))


@dataclass
class PyramidFit:
    """Object sizes and grid cells of a split, whose rows are added one by one.

    Args:
        split: name of the split.
        settings: input and pyramid.
        findings: receives problems.

    Attributes:
        sizes: square root of the bounding-box area, in pixels at the input, of every object with a mask or box.
        level_objects: number of objects in the scale range of each level.
        unlearned: number of objects outside of all scale ranges.
        points: number of points.
        crowded: number of points per level that share their cell with another point of their class.
        lost: number of points that the official code loses, because at every level a later point has their cell.
        over_cap: "images" with more objects than `max_detections`, and "objects" beyond it.
        most: maximum number of objects per image.
    """

    split: str
    settings: InputSettings
    findings: Findings
    sizes: array = field(default_factory=lambda: array("f"))
    level_objects: list[int] = field(default_factory=list)
    unlearned: int = 0
    points: int = 0
    crowded: list[int] = field(default_factory=list)
    lost: int = 0
    over_cap: Counter[str] = field(default_factory=Counter)
    most: int = 0

    def __post_init__(self) -> None:
        self.level_objects, self.crowded = ([0] * len(self.settings.num_grids) for _ in range(2))

    def add(self, row: Mapping[str, Any], position: int) -> None:
        """Add the next row.

        Args:
            row: row of the schema.
            position: its index in the split.
        """
        # Crowd regions are not learned, so they need no place in the pyramid.
        objects = [item for item in row["objects"] if not item["iscrowd"]]
        # Sizes and points in pixels of the network's input.
        resized = self.settings.resized(row["height"], row["width"])
        scale = resized[1] / row["width"], resized[0] / row["height"]
        self._add_sizes(objects, scale)
        points = [item for item in objects if item["point"] is not None]
        if points:
            canvas = self.settings.canvas(row["height"], row["width"])
            for own_points in self._points_by_tile(points, row["height"], row["width"]):
                self._add_points(own_points, scale, canvas)
        # Images with more objects than can be detected.
        self.most, cap = max(self.most, len(objects)), self.settings.max_detections
        if len(objects) > cap:
            self.over_cap["images"] += 1
            self.over_cap["objects"] += len(objects) - cap
            example = f"{row['file_name']}: {counted(len(objects), 'object')}"
            remedy = f"at most {cap} are detected: raise max_detections (and nms_top_k) above the largest number"
            what = "images with more objects than the detection limit"
            self.findings.add(WARNING, what, example, remedy, [(self.split, position)])

    def _add_sizes(self, objects: Sequence[Mapping[str, Any]], scale: tuple[float, float]) -> None:
        """Add the sizes of objects; `scale` is (x, y) from image to input."""
        for item in objects:
            # Objects with points only have no size.
            box = rle_box(item["segmentation"]) if item["segmentation"] is not None else item["bbox"]
            if box is None or min(box[2:]) <= 0:
                continue
            size = float(np.sqrt(box[2] * scale[0] * box[3] * scale[1]))
            self.sizes.append(size)
            # Scale ranges overlap, so that several levels may learn the same object.
            levels = [level for level, (low, high) in enumerate(self.settings.scale_ranges) if low <= size < high]
            for level in levels:
                self.level_objects[level] += 1
            self.unlearned += not levels

    def _points_by_tile(
        self, items: Sequence[Mapping[str, Any]], height: int, width: int
    ) -> list[list[tuple[Mapping[str, Any], np.ndarray]]]:
        """Return for each tile with points its objects, each with its (x, y) in pixels of the tile."""
        points = np.array([item["point"] for item in items], dtype=np.float64)
        windows = [Window(0, 0, width, height)]
        if self.settings.tile_size is not None:
            windows = tile_windows(height, width, self.settings.tile_size)
        owners = most_central_windows(points, windows, height, width)
        groups = []
        for number in np.unique(owners):
            corner = np.array(windows[number][:2])
            rows = np.flatnonzero(owners == number)
            groups.append([(items[row], points[row] - corner) for row in rows])
        return groups

    def _add_points(
        self, items: Sequence[tuple[Mapping[str, Any], np.ndarray]], scale: tuple[float, float], canvas: tuple[int, int]
    ) -> None:
        """Count the points that share a cell; `scale` is (x, y) from image to input, `canvas` (height, width)."""
        # Points at the input fall into one cell per level.
        points = torch.tensor(np.array([point for _, point in items]), dtype=torch.float32) * torch.tensor(scale)
        cells = cells_of_points(points, list(self.settings.num_grids), canvas).numpy()  # (N, L)
        labels = np.array([-1 if item["category"] is None else item["category"] for item, _ in items])
        self.points += len(items)
        for level in range(cells.shape[1]):
            # One number per pair of cell and class; -1 stands for a point without a class.
            cell_and_class = cells[:, level] * (labels.max() + 2) + labels + 1
            _, where, counts = np.unique(cell_and_class, return_inverse=True, return_counts=True)
            self.crowded[level] += int((counts[where] > 1).sum())
        self.lost += len(items) - len(_survivors(cells))

    def histogram(self) -> list[tuple[float, float, int]]:
        """Return (from, below, objects) per bin of object sizes, in pixels at the input."""
        counts, _ = np.histogram(np.asarray(self.sizes), SIZE_EDGES)
        return [(low, high, int(n)) for low, high, n in zip(SIZE_EDGES, SIZE_EDGES[1:], counts, strict=False)]

    def small_share(self) -> float:
        """Return the fraction of the objects with a known size that are smaller than `SMALL` at the input."""
        return float(np.mean(np.asarray(self.sizes) < SMALL)) if self.sizes else 0.0

    def conclude(self) -> None:
        """Report the findings about the whole split, after the last row."""
        # These findings are shares of the split, so each is reported once with its count.
        edge = self.settings.image_size["shortest_edge"]
        if self.unlearned:
            example = f"{self.split}: {self.unlearned:,} of {len(self.sizes):,}"
            remedy = "nothing is learned from them; extend scale_ranges to cover all sizes (see the pyramid above)"
            self.findings.add(WARNING, "objects outside of all scale ranges", example, remedy, count=self.unlearned)
        if (small := self.small_share()) > MAX_SMALL_SHARE:
            example = f"{self.split}: {small:.0%}, if images are scaled to a shortest edge of {edge} pixels"
            remedy = "masks have a quarter of the input's resolution, here below 2 × 2 pixels: increase image_size"
            what, count = f"objects smaller than {SMALL} pixels at the input", round(small * len(self.sizes))
            self.findings.add(WARNING, what, example, remedy, count=count)
        if self.lost:
            example = f"{self.split}: {self.lost:,} of {self.points:,}"
            remedy = "this package predicts a mask for each of them; the official code loses them"
            what = "points that share their grid cell with a later one at every level"
            self.findings.add(NOTE, what, example, remedy, count=self.lost)


def _survivors(cells: np.ndarray) -> set[int]:
    """Return the indices of the points that own their cell at some level.

    As in the official code, the last point of a cell owns it.
    """
    survivors: set[int] = set()
    for level in range(cells.shape[1]):
        # In reversed order, the first occurrence of a cell is its last point.
        _, last = np.unique(cells[::-1, level], return_index=True)
        survivors.update((len(cells) - 1 - last).tolist())
    return survivors
