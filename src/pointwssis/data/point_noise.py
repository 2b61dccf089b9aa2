# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Simulated noise of point labels: off-center points, points beside the object, wrong classes, missing points.

The paper measures the effect of the position of a point (table 4: center of mass or a random pixel of the mask); the
other kinds are common labeling errors. Each function takes a dataset of the schema and returns one with other points;
masks and boxes do not change. The random numbers of an object depend only on the seed, the id of its image and its own
id, not on the order of the rows or on other images, and a larger fraction affects the same objects and more.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from datasets import Dataset

from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.points import PointSource
from ..ops.user_error import UserError
from .formats.coco_records import derive_point
from .schema import class_names, image_title, refuse_stream

SigmaUnit = Literal["object", "pixel"]

_MAX_DRAWS = 20  # of a jittered point, before the last draw is moved to an allowed position
_JITTERED, _MISLABELED, _DROPPED = range(3)  # streams of random numbers
_STREAM_OF_SOURCE = {"center": 3, "box_center": 4, "random": 5}

# Keys of a recipe's `point_noise`, in the order of application.
POINT_NOISE = ("box_center", "random", "jitter", "jitter_pixels", "corrupt_labels", "missing", "overlooked")


def points_from_masks(
    dataset: Dataset,
    point_source: PointSource = "center",
    seed: int = 0,
    *,
    fraction: float = 1.0,
    ground_truth: Dataset | None = None,
    masked: bool = True,
) -> Dataset:
    """Derive points from masks: both rows of the paper's table 4, and the box centers of its section 4.1.

    Args:
        dataset: rows of the schema.
        point_source: "center" of mass, "box_center", or a "random" pixel of the mask.
        seed: random seed.
        fraction: fraction of the points that move, 0 … 1.
        ground_truth: rows of the same images and object ids with their masks, if `dataset` has none.
        masked: also change objects of `dataset` that have a mask.

    Raises:
        UserError: the mask of an object is unknown.
    """
    _check_fraction("fraction", fraction)
    if point_source not in _STREAM_OF_SOURCE:
        raise UserError(f"point_source is {point_source!r}; use 'center', 'box_center' or 'random'")
    # Masks of weakly labeled images are hidden, so they are looked up in the ground truth.
    masks = _KnownMasks(ground_truth)

    # Each object draws first whether it moves, so that a larger fraction moves the same objects and more.
    def moved(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        known, generator = masks.of(row, item), _generator(seed, _STREAM_OF_SOURCE[point_source], row, item)
        if generator.random() >= fraction:
            return item
        # A missing or empty mask has no position to derive.
        if known["segmentation"] is None or not rle_area(known["segmentation"]):
            raise UserError(
                f"{_name(row, item)} has no mask to derive a point from; pass `ground_truth`, or omit this noise"
            )
        point, _ = derive_point(known, (row["width"], row["height"]), point_source, generator)
        return {**item, "point": point}

    return _with_points(dataset, moved, masked)


def jitter_points(
    dataset: Dataset,
    sigma: float,
    seed: int = 0,
    *,
    unit: SigmaUnit = "object",
    stay_in_mask: bool = False,
    ground_truth: Dataset | None = None,
    masked: bool = True,
) -> Dataset:
    """Move every point by a normally distributed offset; it stays inside the image.

    Args:
        dataset: rows of the schema.
        sigma: standard deviation along each axis.
        seed: random seed.
        unit: unit of `sigma`: a fraction of the width and height of the object's mask or box ("object"), or pixels of
            the image ("pixel").
        stay_in_mask: move points that would leave their object to its nearest pixel.
        ground_truth: rows of the same images and object ids with masks or boxes, if `dataset` has none.
        masked: also change objects of `dataset` that have a mask.

    Raises:
        UserError: the size or mask of an object is required and unknown.

    Example:
        >>> from pointwssis.data import make_shapes_dataset
        >>> dataset = make_shapes_dataset(2, (64, 64))
        >>> before, after = dataset[0]["objects"][0], jitter_points(dataset, sigma=0.1)[0]["objects"][0]
        >>> before["point"] == after["point"], before["segmentation"] == after["segmentation"]
        (False, True)
    """
    if not 0 <= sigma < np.inf:
        raise UserError(f"sigma is {sigma}; it must be a standard deviation of at least 0")
    if unit not in ("object", "pixel"):
        raise UserError(f"unit is {unit!r}; use 'object' or 'pixel'")
    masks = _KnownMasks(ground_truth)

    def moved(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        known = masks.of(row, item)
        # In pixels the size is 1; otherwise sigma scales with the width and the height of each object.
        size = (1.0, 1.0) if unit == "pixel" else _object_size(known, row)
        mask = _mask(known, row) if stay_in_mask else None
        generator = _generator(seed, _JITTERED, row, item)
        sides = (row["width"], row["height"])
        return {**item, "point": _jittered(item["point"], sigma * np.array(size), sides, mask, generator)}

    return _with_points(dataset, moved, masked)


def corrupt_labels(dataset: Dataset, fraction: float, seed: int = 0, *, masked: bool = True) -> Dataset:
    """Give a fraction of the objects another class, with equal probability for each.

    Args:
        dataset: rows of the schema, with at least two classes.
        fraction: probability per object, 0 … 1. Clicks without a class do not change.
        seed: random seed.
        masked: also change objects that have a mask.
    """
    _check_fraction("fraction", fraction)
    # With a single class there is no wrong one.
    count = len(class_names(dataset))
    if count < 2:
        raise UserError(f"the only class is {class_names(dataset)[0]!r}; a wrong label requires a second class")

    def mislabeled(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        generator = _generator(seed, _MISLABELED, row, item)
        if generator.random() >= fraction or item["category"] is None:
            return item
        # A shift by 1 to count − 1 reaches each other class with equal probability, and never the same one.
        return {**item, "category": int(item["category"] + generator.integers(1, count)) % count}

    return _with_points(dataset, mislabeled, masked)


def drop_points(
    dataset: Dataset, fraction: float, seed: int = 0, *, complete: bool = False, masked: bool = True
) -> Dataset:
    """Remove a fraction of the objects, as if an annotator had missed them.

    Args:
        dataset: rows of the schema.
        fraction: probability per object, 0 … 1.
        seed: random seed.
        complete: True does not change `complete` of an image that lost an object (it was overlooked, and is now trained
            as background); False sets it to False.
        masked: also remove objects that have a mask.
    """
    _check_fraction("fraction", fraction)

    def kept(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
        return None if _generator(seed, _DROPPED, row, item).random() < fraction else item

    return _with_points(dataset, kept, masked, complete)


def apply_point_noise(
    dataset: Dataset, noise: Mapping[str, float], seed: int = 0, ground_truth: Dataset | None = None
) -> Dataset:
    """Apply the `point_noise` of a recipe to the objects that have no mask.

    Args:
        dataset: rows of the schema.
        noise: any of these, applied in this order: `box_center` and `random`, fractions of the points that move to the
            center of their box or to a random pixel of their mask; `jitter`, a standard deviation as a fraction of the
            object's width and height, and `jitter_pixels`, one in pixels; `corrupt_labels`, the fraction that gets
            another class; `missing`, the fraction that is removed from images, which then are incomplete; `overlooked`,
            the fraction that is removed from images that stay complete (the same objects, so only one of the two).
        seed: random seed.
        ground_truth: rows of the same images and object ids with their masks, for noise that depends on them.

    Example:
        >>> from pointwssis.data import make_shapes_dataset, split_supervision
        >>> dataset = make_shapes_dataset(4, (64, 64))
        >>> points = split_supervision(dataset, labeled_fraction=0)["point"]
        >>> noisy = apply_point_noise(points, {"random": 1.0, "missing": 0.5}, seed=1, ground_truth=dataset)
        >>> sum(map(len, points["objects"])) > sum(map(len, noisy["objects"]))
        True
    """
    check_point_noise(noise)
    # Noise imitates an annotator of points, so objects with a mask never change.
    hidden = {"ground_truth": ground_truth, "masked": False}
    steps: dict[str, Callable[[Dataset, float], Dataset]] = {
        "box_center": lambda rows, part: points_from_masks(rows, "box_center", seed, fraction=part, **hidden),
        "random": lambda rows, part: points_from_masks(rows, "random", seed, fraction=part, **hidden),
        "jitter": lambda rows, sigma: jitter_points(rows, sigma, seed, **hidden),
        "jitter_pixels": lambda rows, sigma: jitter_points(rows, sigma, seed, unit="pixel", **hidden),
        "corrupt_labels": lambda rows, part: corrupt_labels(rows, part, seed, masked=False),
        "missing": lambda rows, part: drop_points(rows, part, seed, masked=False),
        "overlooked": lambda rows, part: drop_points(rows, part, seed, complete=True, masked=False),
    }
    # The order is fixed, whatever the order of the mapping: positions, then classes, then removal.
    for key in POINT_NOISE:
        if noise.get(key):
            try:
                dataset = steps[key](dataset, noise[key])
            except UserError as error:
                raise UserError(f"point_noise.{key}: {error}") from error
    return dataset


def check_point_noise(noise: Mapping[str, float]) -> None:
    """Raise a `UserError` for noise that `apply_point_noise` does not support."""
    for key, value in noise.items():
        if key not in POINT_NOISE:
            raise UserError(f"point_noise.{key}: unknown key; use {', '.join(POINT_NOISE)}")
        # Jitter is a standard deviation of any size, everything else a fraction.
        if not key.startswith("jitter"):
            _check_fraction(f"point_noise.{key}", value)
        elif not 0 <= value < np.inf:
            raise UserError(f"point_noise.{key} is {value}; it must be a standard deviation of at least 0")
    if noise.get("missing") and noise.get("overlooked"):
        raise UserError("point_noise.missing and point_noise.overlooked remove the same objects; use one of them")


# -- changing the objects of a dataset


def _with_points(
    dataset: Dataset,
    change: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None],
    masked: bool,
    complete: bool = True,
) -> Dataset:
    """Return the dataset with `change(row, object)` for every object that has a point; None removes the object."""
    refuse_stream("dataset", dataset)

    def is_changed(item: Mapping[str, Any]) -> bool:
        return item["point"] is not None and not item["iscrowd"] and (masked or item["segmentation"] is None)

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        # An image that loses an object is no longer complete, unless the object counts as overlooked.
        objects = [change(row, item) if is_changed(item) else item for item in row["objects"]]
        left = [item for item in objects if item is not None]
        return {"objects": left, "complete": row["complete"] and (complete or len(left) == len(objects))}

    return dataset.with_format(None).map(changed, features=dataset.features, desc="Changing points")


def _generator(seed: int, stream: int, row: Mapping[str, Any], item: Mapping[str, Any]) -> np.random.Generator:
    return np.random.default_rng([seed, stream, row["image_id"] % 2**63, item["id"] % 2**63])


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UserError(f"{name} is {value}; it must be a fraction of the points, from 0 to 1")


def _name(row: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    return f"{image_title(row)}: object {item['id']}"


class _KnownMasks:
    """Mask and box of an object: its own, or those of the same object in the ground truth."""

    def __init__(self, ground_truth: Dataset | None):
        self.rows, self.positions = None, {}
        # Two columns suffice, and an index by image id avoids a search per object.
        if ground_truth is not None:
            self.rows = ground_truth.with_format(None).select_columns(["image_id", "objects"])
            self.positions = {image_id: index for index, image_id in enumerate(ground_truth["image_id"])}
        self.image_id: int | None = None
        self.items: dict[int, dict[str, Any]] = {}

    def of(self, row: Mapping[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        """Return an object with its mask and box, if they are known."""
        if item["segmentation"] is not None or row["image_id"] not in self.positions:
            return item
        if self.image_id != row["image_id"]:  # the objects of an image are consecutive
            self.image_id = row["image_id"]
            self.items = {known["id"]: known for known in self.rows[self.positions[self.image_id]]["objects"]}
        # An object that the ground truth lacks is returned with its own fields.
        known = self.items.get(item["id"], item)
        return {**item, **{field: known[field] for field in ("segmentation", "bbox")}}


# -- geometry


def _object_size(known: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[float, float]:
    """Return width and height of an object in pixels."""
    # The mask defines the size if there is one; a box without an extent gives no scale.
    box = known["bbox"] if known["segmentation"] is None else rle_box(known["segmentation"])
    if box is None or min(box[2:]) <= 0:
        raise UserError(
            f"{_name(row, known)} has no mask or box with an extent, so its size is unknown; give sigma in "
            "pixels, or pass `ground_truth`"
        )
    return box[2], box[3]


def _mask(known: Mapping[str, Any], row: Mapping[str, Any]) -> np.ndarray:
    if known["segmentation"] is None or not rle_area(known["segmentation"]):
        raise UserError(f"{_name(row, known)} has no mask to stay in; pass `ground_truth`, or omit stay_in_mask")
    return decode_rle(known["segmentation"])


def _jittered(
    point: list[float],
    sigma: np.ndarray,
    size: tuple[int, int],
    mask: np.ndarray | None,
    generator: np.random.Generator,
) -> list[float]:
    """Return the first of several draws at an allowed position; if there is none, the one nearest to the last draw.

    Args:
        point: (x, y) in pixels.
        sigma: (2,) along x and y in pixels.
        size: (width, height) of the image.
        mask: (height, width) bool in which the point has to stay, or None.
        generator: random generator of the object.
    """
    last_pixel = np.maximum(np.array(size) - 1, point)  # an original point may lie up to a pixel further
    # Draw until a position lies inside the image, and inside the mask if there is one.
    for _ in range(_MAX_DRAWS):
        drawn = (np.array(point) + generator.normal(0, 1, 2) * sigma).astype(np.float32)  # the schema's precision
        column, row = np.rint(drawn.clip(0, np.array(size) - 1)).astype(int)
        if (drawn >= 0).all() and (drawn <= last_pixel).all() and (mask is None or mask[row, column]):
            return drawn.tolist()
    # No draw was allowed: move the last one to the border of the image, or to the nearest pixel of the mask.
    if mask is None:
        return drawn.clip(0, np.array(size) - 1).tolist()
    rows, columns = np.nonzero(mask)
    nearest = np.argmin((columns - drawn[0]) ** 2 + (rows - drawn[1]) ** 2)
    return [float(columns[nearest]), float(rows[nearest])]
