# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""How objects and points meet the pyramid of SOLOv2 at a given input: their sizes against the scale ranges, points that
share a grid cell, and images with more objects than the model may detect.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..models.solov2.grid_solov2 import cells_of_points
from ..models.solov2.transforms_solov2 import shortest_edge_size
from ..ops.coco_masks import rle_box
from ..runs.recipe import Recipe
from .findings import NOTE, WARNING, Findings

SMALL = 8  # pixels at the input; a mask is predicted at a quarter of it, so less is under 2 × 2
SIZE_EDGES = (0, 4, 8, 16, 32, 64, 128, 256, 512, np.inf)
_PADDED_TO = 32  # a batch's canvas is a multiple of the coarsest stride


@dataclass(frozen=True)
class InputSettings:
    """What a SOLOv2 gets to see, and what its pyramid does with it; fields as in `Recipe` and `SOLOv2Config`."""

    image_size: Mapping[str, int]
    pad_size: Mapping[str, int] | None
    num_grids: Sequence[int]
    scale_ranges: Sequence[Sequence[float]]
    max_detections: int

    @classmethod
    def of_recipe(cls, recipe: Recipe, teacher: bool = False) -> "InputSettings":
        """Those of a recipe's students, or of its teacher."""
        fields: dict[str, Any] = {}
        if teacher:
            fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        fields |= recipe.model | (recipe.teacher_model if teacher else {})
        config = SOLOv2Config(**{name: fields[name] for name in ("num_grids", "scale_ranges") if name in fields})
        return cls(
            recipe.image_size,
            recipe.pad_size,
            tuple(config.num_grids),
            tuple(map(tuple, config.scale_ranges)),
            fields.get("max_detections", recipe.max_detections),
        )

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of an image at the input."""
        return shortest_edge_size(height, width, self.image_size["shortest_edge"], self.image_size.get("longest_edge"))

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) that the grids span, for an image that is alone in its batch."""
        if self.pad_size is not None:
            return self.pad_size["height"], self.pad_size["width"]
        return tuple(-(-side // _PADDED_TO) * _PADDED_TO for side in self.resized(height, width))


@dataclass
class PyramidFit:
    """Sizes and cells over the rows of a split, which are added one by one.

    Attributes:
        sizes: at the input, √ of the box's area in pixels, of every object whose mask or box is known.
        level_objects: of each level, how many objects its scale range takes.
        unlearned: objects that no level takes.
        points: points with a place in the grids.
        crowded: of each level, points that share their cell with another one of their class.
        lost: points that the official code certainly loses: at every level a later point has their cell.
        over_cap: images with more objects than `max_detections`, and by how many together.
        most: objects in the fullest image.
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
        """Takes the next row."""
        marked = [item for item in row["objects"] if not item["iscrowd"]]
        resized = self.settings.resized(row["height"], row["width"])
        scale = resized[1] / row["width"], resized[0] / row["height"]
        self._add_sizes(marked, scale)
        points = [item for item in marked if item["point"] is not None]
        if points:
            self._add_points(points, scale, self.settings.canvas(row["height"], row["width"]))
        self.most, cap = max(self.most, len(marked)), self.settings.max_detections
        if len(marked) > cap:
            self.over_cap["images"] += 1
            self.over_cap["objects"] += len(marked) - cap
            example = f"{row['file_name']}: {len(marked)} objects"
            remedy = f"no more than {cap} are found: raise max_detections (and nms_top_k) above the fullest image's"
            what = "images with more objects than may be detected"
            self.findings.add(WARNING, what, example, remedy, [(self.split, position)])

    def _add_sizes(self, marked: Sequence[Mapping[str, Any]], scale: tuple[float, float]) -> None:
        for item in marked:
            box = rle_box(item["segmentation"]) if item["segmentation"] is not None else item["bbox"]
            if box is None or min(box[2:]) <= 0:
                continue
            size = float(np.sqrt(box[2] * scale[0] * box[3] * scale[1]))
            self.sizes.append(size)
            levels = [low <= size < high for low, high in self.settings.scale_ranges]
            self.level_objects = [count + taken for count, taken in zip(self.level_objects, levels, strict=True)]
            self.unlearned += not any(levels)

    def _add_points(
        self, items: Sequence[Mapping[str, Any]], scale: tuple[float, float], canvas: tuple[int, int]
    ) -> None:
        points = torch.tensor([item["point"] for item in items], dtype=torch.float32) * torch.tensor(scale)
        cells = cells_of_points(points, list(self.settings.num_grids), canvas).numpy()  # (N, L)
        labels = np.array([-1 if item["category"] is None else item["category"] for item in items])
        self.points += len(items)
        for level in range(cells.shape[1]):
            cell_and_class = cells[:, level] * (labels.max() + 2) + labels + 1
            _, where, counts = np.unique(cell_and_class, return_inverse=True, return_counts=True)
            self.crowded[level] += int((counts[where] > 1).sum())
        self.lost += len(items) - len(_survivors(cells))

    def histogram(self) -> list[tuple[float, float, int]]:
        """(from, below, objects) of sizes at the input."""
        counts, _ = np.histogram(np.asarray(self.sizes), SIZE_EDGES)
        return [(low, high, int(n)) for low, high, n in zip(SIZE_EDGES, SIZE_EDGES[1:], counts, strict=False)]

    def small_share(self) -> float:
        """Part of the objects of known size that are smaller than `SMALL` at the input."""
        return float(np.mean(np.asarray(self.sizes) < SMALL)) if self.sizes else 0.0

    def conclude(self) -> None:
        """Writes down what can only be said at the end."""
        edge = self.settings.image_size["shortest_edge"]
        if self.unlearned:
            example = f"{self.split}: {self.unlearned:,} of {len(self.sizes):,}"
            remedy = "nothing is learned from them; let scale_ranges cover all sizes (see the pyramid above)"
            self.findings.add(WARNING, "objects that no pyramid level takes", example, remedy, count=self.unlearned)
        if (small := self.small_share()) > 0.1:
            example = f"{self.split}: {small:.0%}, with images scaled to a shortest edge of {edge} pixels"
            remedy = "masks have a quarter of the input's resolution, theirs less than 2 × 2 pixels: enlarge image_size"
            count = round(small * len(self.sizes))
            self.findings.add(
                WARNING, f"objects of less than {SMALL} pixels at the input", example, remedy, count=count
            )
        if self.lost:
            example = f"{self.split}: {self.lost:,} of {self.points:,}"
            remedy = "here every point gets its mask all the same; the official code loses these"
            what = "points that share their grid cell with a later one at every level"
            self.findings.add(NOTE, what, example, remedy, count=self.lost)


def _survivors(cells: np.ndarray) -> set[int]:
    """Positions of the points that own their cell at some level; the last one in a cell owns it (official code)."""
    survivors: set[int] = set()
    for level in range(cells.shape[1]):
        _, last = np.unique(cells[::-1, level], return_index=True)
        survivors.update((len(cells) - 1 - last).tolist())
    return survivors
