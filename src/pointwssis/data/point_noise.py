# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points as people click them: elsewhere than in the center, beside the object, with the wrong class, or not at all.

The paper measures how much the position of a point matters (table 4: center of mass against a random pixel of the
mask); the others are the errors that labeling is known for. Each function takes a dataset of the schema and gives one
with other points; masks and boxes stay what they are. Everything random is drawn for each object on its own, from the
seed, its image's id and its own: neither the order of the rows nor the other images change it, and of two fractions
the larger one hits the same objects and more.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from datasets import Dataset

from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.points import PointSource
from .formats.coco_records import derive_point
from .schema import class_names

SigmaUnit = Literal["object", "pixel"]

_DRAWS = 20  # of a jittered point before the last one is moved to where it may be
_JITTERED, _MISLABELED, _DROPPED = range(3)  # streams of random numbers
_PLACED = {"center": 3, "box_center": 4, "random": 5}

# What a recipe's `point_noise` may hold, in the order in which it is applied.
POINT_NOISE = ("box_center", "random", "jitter", "jitter_pixels", "corrupt_labels", "missing", "overlooked")


def points_from_masks(
    dataset: Dataset,
    point_source: PointSource = "center",
    seed: int = 0,
    *,
    fraction: float = 1.0,
    truth: Dataset | None = None,
    masked: bool = True,
) -> Dataset:
    """Puts points where their masks say: the two rows of the paper's table 4, and the box centers of its section 4.1.

    Args:
        dataset: rows of the schema.
        point_source: "center" of mass, "box_center", or a "random" pixel of the mask.
        seed: of everything random.
        fraction: part of the points that move, 0 … 1.
        truth: the same images and object ids with their masks, where `dataset` has none.
        masked: also objects of `dataset` that have a mask; False leaves these alone.

    Raises:
        ValueError: the mask of an object is not known.
    """
    _check_fraction("fraction", fraction)
    if point_source not in _PLACED:
        raise ValueError(f"point_source is {point_source!r}; choose 'center', 'box_center' or 'random'")
    masks = _KnownMasks(truth)

    def moved(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        known, generator = masks.of(row, item), _generator(seed, _PLACED[point_source], row, item)
        if generator.random() >= fraction:
            return item
        if known["segmentation"] is None or not rle_area(known["segmentation"]):
            raise ValueError(f"{_name(row, item)} has no mask to take a point from; give `truth`, or leave it out")
        return {**item, "point": derive_point(known, row["width"], row["height"], point_source, generator)[0]}

    return _with_points(dataset, moved, masked)


def jitter_points(
    dataset: Dataset,
    sigma: float,
    seed: int = 0,
    *,
    unit: SigmaUnit = "object",
    stay_in_mask: bool = False,
    truth: Dataset | None = None,
    masked: bool = True,
) -> Dataset:
    """Moves every point by a normal deviation; it stays inside of the image.

    Args:
        dataset: rows of the schema.
        sigma: standard deviation along each axis.
        seed: of everything random.
        unit: of `sigma`: part of the object's width and height ("object"; of its mask or its box), or pixels of the
            image ("pixel").
        stay_in_mask: move points that would leave their object to its nearest pixel.
        truth: the same images and object ids with masks or boxes, where `dataset` has none.
        masked: also objects of `dataset` that have a mask; False leaves these alone.

    Raises:
        ValueError: size or mask of an object is needed and not known.

    Example:
        >>> from pointwssis.data import make_shapes_dataset
        >>> dataset = make_shapes_dataset(2, (64, 64))
        >>> before, after = dataset[0]["objects"][0], jitter_points(dataset, sigma=0.1)[0]["objects"][0]
        >>> before["point"] == after["point"], before["segmentation"] == after["segmentation"]
        (False, True)
    """
    if not 0 <= sigma < np.inf:
        raise ValueError(f"sigma is {sigma}; it takes a standard deviation from 0 on")
    if unit not in ("object", "pixel"):
        raise ValueError(f"unit is {unit!r}; it takes 'object' or 'pixel'")
    masks = _KnownMasks(truth)

    def moved(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        known = masks.of(row, item)
        size = (1.0, 1.0) if unit == "pixel" else _object_size(known, row)
        mask = _mask(known, row) if stay_in_mask else None
        generator = _generator(seed, _JITTERED, row, item)
        sides = (row["width"], row["height"])
        return {**item, "point": _jittered(item["point"], sigma * np.array(size), sides, mask, generator)}

    return _with_points(dataset, moved, masked)


def corrupt_labels(dataset: Dataset, fraction: float, seed: int = 0, *, masked: bool = True) -> Dataset:
    """Gives a part of the objects another class, each of the others being equally likely.

    Args:
        dataset: rows of the schema, of at least two classes.
        fraction: probability of each object, 0 … 1. Clicks without a class stay as they are.
        seed: of everything random.
        masked: also objects that have a mask; False leaves these alone.
    """
    _check_fraction("fraction", fraction)
    count = len(class_names(dataset))
    if count < 2:
        raise ValueError(f"the only class is {class_names(dataset)[0]!r}; a wrong label needs another one")

    def mislabeled(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        generator = _generator(seed, _MISLABELED, row, item)
        if generator.random() >= fraction or item["category"] is None:
            return item
        return {**item, "category": int(item["category"] + generator.integers(1, count)) % count}

    return _with_points(dataset, mislabeled, masked)


def drop_points(
    dataset: Dataset, fraction: float, seed: int = 0, *, complete: bool = False, masked: bool = True
) -> Dataset:
    """Takes away a part of the objects, as if nobody had clicked on them.

    Args:
        dataset: rows of the schema.
        fraction: probability of each object, 0 … 1.
        seed: of everything random.
        complete: what an image that lost an object says of itself: False, what nobody marked may still be an object;
            True, all are marked (they were overlooked, and now teach that they are background).
        masked: also objects that have a mask; False leaves these alone.
    """
    _check_fraction("fraction", fraction)

    def kept(row: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
        return None if _generator(seed, _DROPPED, row, item).random() < fraction else item

    return _with_points(dataset, kept, masked, complete)


def apply_point_noise(
    dataset: Dataset, noise: Mapping[str, float], seed: int = 0, truth: Dataset | None = None
) -> Dataset:
    """What a recipe's `point_noise` says, to the objects that have no mask of their own.

    Args:
        dataset: rows of the schema.
        noise: any of these, applied in this order: `box_center` and `random`, parts of the points that move to the
            center of their box or to a random pixel of their mask; `jitter`, a standard deviation as a part of the
            object's width and height, and `jitter_pixels`, one in pixels; `corrupt_labels`, the part that gets another
            class; `missing`, the part that is gone from images which then say that not all is marked; `overlooked`, the
            part that is gone from images which say that it is (the same objects, so only one of the two).
        seed: of everything random.
        truth: the same images and object ids with their masks, for what depends on them.

    Example:
        >>> from pointwssis.data import make_shapes_dataset, split_supervision
        >>> dataset = make_shapes_dataset(4, (64, 64))
        >>> points = split_supervision(dataset, labeled_fraction=0)["point"]
        >>> noisy = apply_point_noise(points, {"random": 1.0, "missing": 0.5}, seed=1, truth=dataset)
        >>> sum(map(len, points["objects"])) > sum(map(len, noisy["objects"]))
        True
    """
    check_point_noise(noise)
    hidden = {"truth": truth, "masked": False}
    steps: dict[str, Callable[[Dataset, float], Dataset]] = {
        "box_center": lambda rows, part: points_from_masks(rows, "box_center", seed, fraction=part, **hidden),
        "random": lambda rows, part: points_from_masks(rows, "random", seed, fraction=part, **hidden),
        "jitter": lambda rows, sigma: jitter_points(rows, sigma, seed, **hidden),
        "jitter_pixels": lambda rows, sigma: jitter_points(rows, sigma, seed, unit="pixel", **hidden),
        "corrupt_labels": lambda rows, part: corrupt_labels(rows, part, seed, masked=False),
        "missing": lambda rows, part: drop_points(rows, part, seed, masked=False),
        "overlooked": lambda rows, part: drop_points(rows, part, seed, complete=True, masked=False),
    }
    for key in POINT_NOISE:
        if noise.get(key):
            dataset = steps[key](dataset, noise[key])
    return dataset


def check_point_noise(noise: Mapping[str, float]) -> None:
    """Raises a ValueError for noise that `apply_point_noise` does not know."""
    for key, value in noise.items():
        if key not in POINT_NOISE:
            raise ValueError(f"point_noise has no {key!r}; it takes {', '.join(POINT_NOISE)}")
        if not key.startswith("jitter"):
            _check_fraction(f"point_noise: {key}", value)
        elif not 0 <= value < np.inf:
            raise ValueError(f"point_noise: {key} is {value}; it takes a standard deviation from 0 on")
    if noise.get("missing") and noise.get("overlooked"):
        raise ValueError("point_noise: missing and overlooked take away the same objects; give one of them")


# -- the way through a dataset


def _with_points(
    dataset: Dataset,
    change: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None],
    masked: bool,
    complete: bool = True,
) -> Dataset:
    """The dataset with `change(row, object)` for every object that has a point; None takes the object away."""

    def concerned(item: Mapping[str, Any]) -> bool:
        return item["point"] is not None and not item["iscrowd"] and (masked or item["segmentation"] is None)

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        objects = [change(row, item) if concerned(item) else item for item in row["objects"]]
        left = [item for item in objects if item is not None]
        return {"objects": left, "complete": row["complete"] and (complete or len(left) == len(objects))}

    return dataset.with_format(None).map(changed, features=dataset.features, desc="Changing points")


def _generator(seed: int, stream: int, row: Mapping[str, Any], item: Mapping[str, Any]) -> np.random.Generator:
    return np.random.default_rng([seed, stream, row["image_id"] % 2**63, item["id"] % 2**63])


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; it is a part of the points, from 0 to 1")


def _name(row: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    return f"image {row['image_id']} ({row['file_name']}): object {item['id']}"


class _KnownMasks:
    """What is known of an object: its own mask and box, else those of the same object in the truth."""

    def __init__(self, truth: Dataset | None):
        self.rows = None if truth is None else truth.with_format(None).select_columns(["image_id", "objects"])
        self.positions = {} if truth is None else {image: index for index, image in enumerate(truth["image_id"])}
        self.image_id: int | None = None
        self.items: dict[int, dict[str, Any]] = {}

    def of(self, row: Mapping[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        if item["segmentation"] is not None or row["image_id"] not in self.positions:
            return item
        if self.image_id != row["image_id"]:  # the objects of an image come one after the other
            self.image_id = row["image_id"]
            self.items = {known["id"]: known for known in self.rows[self.positions[self.image_id]]["objects"]}
        known = self.items.get(item["id"], item)
        return {**item, **{field: known[field] for field in ("segmentation", "bbox")}}


# -- geometry


def _object_size(known: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height in pixels."""
    box = known["bbox"] if known["segmentation"] is None else rle_box(known["segmentation"])
    if box is None or min(box[2:]) <= 0:
        raise ValueError(
            f"{_name(row, known)} has no mask or box of any extent, so its size is not known; give sigma in "
            "pixels, or `truth`"
        )
    return box[2], box[3]


def _mask(known: Mapping[str, Any], row: Mapping[str, Any]) -> np.ndarray:
    if known["segmentation"] is None or not rle_area(known["segmentation"]):
        raise ValueError(f"{_name(row, known)} has no mask to stay in; give `truth`, or leave out stay_in_mask")
    return decode_rle(known["segmentation"])


def _jittered(
    point: list[float],
    sigma: np.ndarray,
    size: tuple[int, int],
    mask: np.ndarray | None,
    generator: np.random.Generator,
) -> list[float]:
    """The first of some draws that lies where it may; if none does, the nearest allowed place to the last one.

    Args:
        point: (x, y) in pixels.
        sigma: (2,) along x and y in pixels.
        size: (width, height) of the image.
        mask: (height, width) bool that the point has to stay in, or None.
    """
    last_pixel = np.maximum(np.array(size) - 1, point)  # a point may lie up to a pixel further, and then stay
    for _ in range(_DRAWS):
        drawn = (np.array(point) + generator.normal(0, 1, 2) * sigma).astype(np.float32)  # the schema's precision
        column, row = np.rint(drawn.clip(0, np.array(size) - 1)).astype(int)
        if (drawn >= 0).all() and (drawn <= last_pixel).all() and (mask is None or mask[row, column]):
            return drawn.tolist()
    if mask is None:
        return drawn.clip(0, np.array(size) - 1).tolist()
    rows, columns = np.nonzero(mask)
    nearest = np.argmin((columns - drawn[0]) ** 2 + (rows - drawn[1]) ** 2)
    return [float(columns[nearest]), float(rows[nearest])]
