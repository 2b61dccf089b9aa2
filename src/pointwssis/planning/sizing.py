# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings derived from data: input size, pyramid and detection limit, each with its reason.

- Masks have a quarter of the input's resolution, which limits small objects: on the nuclei, even ground-truth masks
  reach an AP of only 45.7 after scaling to a quarter of a 256-pixel input and back. The input is therefore as large as
  90% of the objects need to have `TARGET_SIZE` pixels, within what the machine can train in the available time.
- The pyramid is a scaled version of SOLOv2's: ranges double from level to level and overlap by half, and the finest
  level takes about half of the objects, as the default ranges do on COCO.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..ops.wording import counted
from ..training.flips import names_against_flips, shown_names
from .data_facts import DataFacts
from .settings import Setting

# Object sizes are square roots of box areas, in pixels of the network's input.
TARGET_SIZE = 16  # size that 90% of the objects should have: 4 × 4 pixels of a mask
MIN_SIZE = 8  # size that half of the objects must have
STRIDE = 32  # inputs are multiples of the coarsest stride
MIN_SIDE, MAX_SIDE = 128, 1344  # limits of the input's longer side
MAX_ENLARGEMENT = 2  # limit relative to the original images: more adds pixels, but no detail
TILE_CANVAS = 256  # pixels of the input along the side of a tile
TILE_EXTENTS = 3  # least side of a tile, as a multiple of the length of 90% of the objects
MAX_SQUARE_RATIO = 1.25  # median aspect ratio up to which images share one square canvas
MAX_FINEST_SIZE = 256  # limit of the finest level's range; the coarsest level begins at four times that
FINEST_GRIDS = (24, 32, 40, 48, 64, 80)
GRID_SHAPE = (1.0, 0.9, 0.6, 0.4, 0.3)  # ratios of the default grids 40, 36, 24, 16, 12
MAX_SHARED_CELLS = 0.02  # fraction of the points that may share a cell of the finest grid with one of the same class
COPY_PASTE = 0.5  # probability that objects of another image are pasted into an image
CROWD = 10  # objects per image from which a random crop still holds enough of them


@dataclass(frozen=True)
class InputSize:
    """Scaling of images: shortest edge and maximum longest edge in pixels, and whether the canvas is a fixed square.

    With a `tile` the network sees square windows with this side in pixels of the original image, in place of images.
    """

    shortest: int
    longest: int
    square: bool
    tile: int | None = None

    @property
    def image_size(self) -> dict[str, int]:
        """The `image_size` of a recipe."""
        return {"shortest_edge": self.shortest, "longest_edge": self.longest}

    @property
    def pad_size(self) -> dict[str, int] | None:
        """The `pad_size` of a recipe."""
        return {"height": self.longest, "width": self.longest} if self.square else None


def input_size(facts: DataFacts, side: int) -> InputSize:
    """Return the input at which the longer side of the median image has a given length.

    Args:
        facts: statistics of the data.
        side: length in pixels, a multiple of `STRIDE`.
    """
    ratios = facts.aspect_ratios
    if np.median(ratios) <= MAX_SQUARE_RATIO:
        return InputSize(side, side, square=True)
    shortest = max(STRIDE, _rounded(side / float(np.median(ratios)), STRIDE))
    longest = math.ceil(shortest * float(np.percentile(ratios, 95)) / STRIDE) * STRIDE
    return InputSize(shortest, max(side, longest), square=False)


def side_for(facts: DataFacts, percentile: float, pixels: float) -> int:
    """Return the smallest side of the input at which a percentile of the object sizes reaches some pixels.

    Args:
        facts: statistics of the data.
        percentile: percentile of the object sizes, 0 to 100.
        pixels: size that this percentile must reach.

    Returns:
        Side in pixels, a multiple of `STRIDE` within the limits.
    """
    most = min(MAX_SIDE, max(MIN_SIDE, math.floor(MAX_ENLARGEMENT * facts.longest_side / STRIDE) * STRIDE))
    for side in range(MIN_SIDE, most, STRIDE):
        size = input_size(facts, side)
        if np.percentile(facts.sizes_at(size.shortest, size.longest), percentile) >= pixels:
            return side
    return most


def tiled_input(facts: DataFacts, wanted: int) -> InputSize | None:
    """Return an input of tiles that show objects as large as whole images with a longer side of `wanted` would.

    Returns:
        None where whole images are small enough for the canvas of a tile, or where tiles would cut large objects.
    """
    tile = round(TILE_CANVAS * facts.longest_side / wanted)
    extent = float(np.percentile(facts.boxes.max(axis=1), 90))
    if wanted <= TILE_CANVAS or tile < TILE_EXTENTS * extent:
        return None
    return InputSize(TILE_CANVAS, TILE_CANVAS, square=True, tile=tile)


def object_sizes(facts: DataFacts, size: InputSize) -> np.ndarray:
    """Return the (M,) square roots of the areas of the boxes, in pixels of an input."""
    if size.tile is None:
        return facts.sizes_at(size.shortest, size.longest)
    return np.sqrt(facts.boxes.prod(axis=1)) * size.longest / size.tile


def input_settings(facts: DataFacts, size: InputSize, slow: str) -> list[Setting]:
    """Return the settings of the input: size, canvas and scales.

    Args:
        facts: statistics of the data.
        size: chosen input.
        slow: reason why the input is smaller than the objects need; empty if it is not.
    """
    # The reasons for the size and for the canvas.
    tenth, median = np.percentile(object_sizes(facts, size), (10, 50))
    reason = f"at this input half of the objects have at least {median:.0f} pixels, and 90% at least {tenth:.0f}"
    if size.tile is not None:
        return tile_settings(facts, size, reason)
    if slow:
        reason += f". {slow}"
    elif tenth < TARGET_SIZE:
        own = f"{MAX_ENLARGEMENT} times the original size ({facts.longest_side:.0f})"
        reason += f"; enlarging images beyond {own} adds no detail"
    ratio = float(np.median(facts.aspect_ratios))
    if size.square:
        canvas = f"the images are nearly square (median aspect ratio {ratio:.2f}) and share one square canvas"
    else:
        canvas = (
            f"the images are elongated (median aspect ratio {ratio:.2f}): each batch is padded to its largest image"
        )
    # Training varies the scale between two sizes.
    smaller = max(STRIDE, _rounded(0.9 * size.shortest, STRIDE))
    return [
        Setting("image_size", size.image_size, reason),
        Setting("pad_size", size.pad_size, canvas),
        Setting("train_shortest_edges", sorted({smaller, size.shortest}), "moderate variation of scale"),
    ]


def tile_settings(facts: DataFacts, size: InputSize, reason: str) -> list[Setting]:
    """Return the settings of an input of tiles.

    Args:
        facts: statistics of the data.
        size: chosen input, with a `tile`.
        reason: sizes of the objects at this input.
    """
    small = f"objects are small: tiles are enlarged {size.longest / size.tile:.1f} times, and no object is cut often"
    return [
        Setting("tile_size", size.tile, f"{small}, since 90% are at most a third as long as a tile"),
        Setting("image_size", size.image_size, reason),
        Setting("pad_size", size.pad_size, "all tiles share one square canvas"),
    ]


def augmentation_setting(facts: DataFacts, tiled: bool, pretrained: bool) -> Setting:
    """Return the augmentation, without flips and rotations that only the user knows to be allowed.

    Args:
        facts: statistics of the data.
        tiled: True if large images are cut into tiles.
        pretrained: True if the backbone is pretrained.
    """
    values: dict[str, float] = {"brightness": 0.2, "contrast": 0.2}
    reason = "few images have masks, so brightness and contrast are varied"
    crowd = float(np.median(facts.objects_per_image))
    if tiled:
        values["min_crop"] = 0.8
        reason += ", and tiles are up to a fifth smaller"
    elif crowd >= CROWD:
        values["min_crop"] = 0.6
        reason += f", and random crops are taken, since half of the images show at least {crowd:.0f} objects"
    # Copy-paste was measured to help a pretrained backbone, which overfits few masks, and no other.
    if pretrained:
        values["copy_paste"] = COPY_PASTE
        reason += (
            ". Objects with masks are pasted into other images: 3.4 and 8.3 AP more on drawn shapes in as many steps"
        )
    # Flips and rotations make some class names wrong.
    opposed = names_against_flips(facts.class_names)
    if opposed["horizontal_flip"]:
        values["horizontal_flip"] = 0.0
        reason += f". Flips are off, since class names say left or right: {shown_names(opposed['horizontal_flip'])}"
    if not opposed["rotate90"]:
        reason += (
            ". For images without a natural orientation (microscopy, satellites) add vertical_flip: 0.5, rotate90: true"
        )
    return Setting("augmentation", values, reason)


def pyramid_settings(facts: DataFacts, size: InputSize, crowded: dict[int, float]) -> list[Setting]:
    """Return grids and scale ranges of the pyramid.

    Args:
        facts: statistics of the data.
        size: chosen input.
        crowded: finest grid → fraction of the points that share a cell with another point of their class.
    """
    median = float(np.median(object_sizes(facts, size)))
    base = min(max(8, math.ceil(1.15 * median / 8) * 8), MAX_FINEST_SIZE)
    ranges = [[1, base], [base // 2, 2 * base], [base, 4 * base], [2 * base, 8 * base], [4 * base, 2048]]
    finest = finest_grid(size, crowded)
    share = crowded[finest]
    reason = f"{share:.1%} of the points share a cell of the {finest} × {finest} grid with another point of their class"
    if share > MAX_SHARED_CELLS:
        reason += f"; a grid finer than the features (stride 8, {size.longest} / 8 = {size.longest // 8}) gains nothing"
    below = f"half of the objects are below {median:.0f} pixels at this input; the finest level takes slightly more"
    return [
        Setting("model.num_grids", [max(4, round(part * finest)) for part in GRID_SHAPE], reason),
        Setting("model.scale_ranges", ranges, below),
    ]


def finest_grid(size: InputSize, crowded: dict[int, float]) -> int:
    """Return the coarsest of `FINEST_GRIDS` that separates the points, but no grid finer than the features."""
    allowed = [grid for grid in FINEST_GRIDS if grid <= max(24, size.longest / 8)]
    return next((grid for grid in allowed if crowded[grid] <= MAX_SHARED_CELLS), allowed[-1])


def detection_settings(facts: DataFacts) -> list[Setting]:
    """Return the limits on the number of instances per image."""
    cap = max(100, math.ceil(1.05 * facts.most_objects / 50) * 50)
    return [
        Setting(
            "max_detections", cap, f"images hold up to {counted(facts.most_objects, 'object')} (COCO's limit is 100)"
        ),
        Setting(
            "model.nms_top_k", max(500, math.ceil(3.5 * cap / 500) * 500), "proposals before non-maximum suppression"
        ),
        Setting("model.score_threshold", 0.05),
    ]


def _rounded(value: float, step: int) -> int:
    """Return the nearest multiple of `step`, the larger one of two."""
    return math.floor(value / step + 0.5) * step
