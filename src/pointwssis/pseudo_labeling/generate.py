# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points → rough masks → refined masks → pseudo labels, over a dataset of the schema.

No model is imported here. A teacher is any function `(images, points, labels) → instances` and a refiner any function
`(image, rough masks, points, labels) → masks`; the pipelines of this library are two of them.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image
from tqdm.auto import tqdm

from ..data.schema import class_names, dataset_from_rows, make_object
from ..ops.coco_masks import RLE, decode_rle, encode_mask, rle_area, rle_box, rle_coverage
from ..ops.images import read_image
from ..ops.points import point_from_mask
from ..pipelines.refiners import Refiner

Points = list[list[float]]
Labels = list[str | None]

Teacher = Callable[[Sequence[Image.Image], Sequence[Points], Sequence[Labels]], list[list[dict[str, Any]]]]
"""Images, for each its points ((x, y) in its pixels) and for each its class names → for each image one
`{"mask": RLE, "score": float, "level": int, "label": name}` a point, in order; `level` may be missing."""

Proposer = Callable[[Sequence[Image.Image], Sequence[list[str] | None]], list[list[dict[str, Any]]]]
"""Images and for each the names of the classes that it holds, or None where nobody said → for each image any number of
`{"mask": RLE, "score": float, "label": name}`; a filter by score is the proposer's own."""


def predict_rough_masks(dataset: Dataset, teacher: Teacher, batch_size: int = 8) -> Dataset:
    """Gives every object with a point a `rough_segmentation`, a `score` and a `level`.

    True masks stay where they are, and have no score. A point that found nothing has an empty rough mask and score 0.
    A bare click gets the class that the teacher gives it.

    Args:
        dataset: rows of the schema.
        teacher: see `Teacher`.
        batch_size: images handed to the teacher at once.
    """
    names = class_names(dataset)
    rows = dataset.with_format(None)

    def labeled() -> Iterator[dict[str, Any]]:
        progress = tqdm(total=len(rows), desc="Rough masks", unit="image")
        for start in range(0, len(rows), batch_size):
            batch = [rows[index] for index in range(start, min(start + batch_size, len(rows)))]
            pointed = [
                [item for item in row["objects"] if item["point"] is not None and not item["iscrowd"]] for row in batch
            ]
            points = [[item["point"] for item in items] for items in pointed]
            labels = [
                [None if item["category"] is None else names[item["category"]] for item in items] for items in pointed
            ]
            found = teacher([read_image(row) for row in batch], points, labels)
            for row, items, instances in zip(batch, pointed, found, strict=True):
                check_answer("teacher", row, len(items), len(instances), [i["mask"]["size"] for i in instances])
                for item, instance in zip(items, instances, strict=True):
                    item["rough_segmentation"], item["level"] = instance["mask"], instance.get("level")
                    if item["segmentation"] is None:  # a score marks what becomes a pseudo label
                        item["score"] = float(instance["score"])
                    if item["category"] is None:
                        item["category"] = class_index(instance["label"], names)
                yield row
            progress.update(len(batch))
        progress.close()

    return rebuilt(dataset, labeled())


def propose_rough_masks(dataset: Dataset, proposer: Proposer, first_id: int, batch_size: int = 8) -> Dataset:
    """Gives incomplete images the objects that a network sees where nobody marked any (paper, Table 5: unlabeled,
    image-level; here also what was overlooked in an image with points).

    Each gets a `rough_segmentation` and its `score`; nobody has marked it, so it has no point. The images stay
    incomplete: what is not found is not background. Complete images stay as they are.

    Args:
        dataset: rows of the schema; objects that they have already stay, and what is proposed for one of these again
            is left out.
        proposer: see `Proposer`.
        first_id: of the new objects; greater than all ids of the data that they will be mixed with.
        batch_size: images handed to the proposer at once.
    """
    names = class_names(dataset)
    rows = dataset.with_format(None)
    incomplete = [index for index, complete in enumerate(rows["complete"]) if not complete]

    def proposed() -> Iterator[dict[str, Any]]:
        ids, found = itertools.count(first_id), _proposals(rows, incomplete, names, proposer, batch_size)
        wanted = set(incomplete)
        for index, row in enumerate(rows):
            for instance in next(found) if index in wanted else ():
                if not is_marked(instance["mask"], row["objects"]):
                    values = {"rough_segmentation": instance["mask"], "score": float(instance["score"])}
                    row["objects"].append(make_object(next(ids), class_index(instance["label"], names), **values))
            yield row

    return rebuilt(dataset, proposed()) if incomplete else dataset


def _proposals(
    rows: Dataset, indices: Sequence[int], names: Sequence[str], proposer: Proposer, batch_size: int
) -> Iterator[list[dict[str, Any]]]:
    """What the proposer finds in each of these images, without what is empty."""
    for start in tqdm(range(0, len(indices), batch_size), desc="Proposals", unit="batch"):
        batch = [rows[index] for index in indices[start : start + batch_size]]
        present = [
            None if row["image_labels"] is None else [names[index] for index in row["image_labels"]] for row in batch
        ]
        for row, found in zip(batch, proposer([read_image(row) for row in batch], present), strict=True):
            check_answer("proposer", row, None, len(found), [instance["mask"]["size"] for instance in found])
            yield [instance for instance in found if rle_area(instance["mask"])]


def is_marked(mask: RLE, objects: Sequence[dict[str, Any]]) -> bool:
    """Whether a proposal is one of the objects that are marked already: it holds a click, or most of it is a mask."""
    pixels = decode_rle(mask)
    if any(pixels[tuple(_pixel(item["point"], pixels.shape))] for item in objects if item["point"] is not None):
        return True
    masks = [item["segmentation"] or item["rough_segmentation"] for item in objects]
    return any(part > 0.5 for part in rle_coverage(mask, [known for known in masks if known is not None]))


def _pixel(point: Sequence[float], size: Sequence[int]) -> list[int]:
    """Row and column of a point; on the right and the lower border those of the last pixel."""
    return [min(round(value), side - 1) for value, side in zip(reversed(point), size, strict=True)]


def refine_rough_masks(dataset: Dataset, refiner: Refiner) -> Dataset:
    """Puts the refined form of every rough mask into `segmentation`; objects with a true mask keep it.

    Args:
        dataset: rows with `rough_segmentation`.
        refiner: see `Refiner`.
    """
    names = class_names(dataset)

    def refined() -> Iterator[dict[str, Any]]:
        for row in tqdm(dataset.with_format(None), desc="Refined masks", unit="image"):
            items = pseudo_objects(row)
            if items:
                rough = np.stack([decode_rle(item["rough_segmentation"]) for item in items])
                masks = refiner(
                    read_image(row),
                    rough,
                    # What was found without a point has the one that a person would have clicked on.
                    [item["point"] or list(point_from_mask(m)) for item, m in zip(items, rough, strict=True)],
                    [names[item["category"]] for item in items],
                )
                check_answer("refiner", row, len(items), len(masks), [mask.shape for mask in masks])
                for item, mask in zip(items, masks, strict=True):
                    set_pseudo_mask(item, encode_mask(mask))
            yield row

    return rebuilt(dataset, refined())


def generate_pseudo_labels(
    dataset: Dataset, teacher: Teacher, refiner: Refiner | None = None, batch_size: int = 8
) -> Dataset:
    """The labeling step (paper, figure 3, bottom): points in, masks out, each refined if there is a refiner.

    Args:
        dataset: rows of the schema with points.
        teacher: see `Teacher`.
        refiner: see `Refiner`; None takes the rough masks as they are.
        batch_size: images handed to the teacher at once.
    """
    rough = predict_rough_masks(dataset, teacher, batch_size)
    return keep_rough_masks(rough) if refiner is None else refine_rough_masks(rough, refiner)


def keep_rough_masks(dataset: Dataset) -> Dataset:
    """Puts every rough mask into `segmentation` as it is; objects with a true mask keep it."""

    def kept() -> Iterator[dict[str, Any]]:
        for row in dataset.with_format(None):
            for item in pseudo_objects(row):
                set_pseudo_mask(item, item["rough_segmentation"])
            yield row

    return rebuilt(dataset, kept())


def check_answer(
    who: str, row: dict[str, Any], num_points: int | None, num_masks: int, sizes: Sequence[Sequence[int]]
) -> None:
    """One clear error when a teacher, proposer or refiner of somebody else does not keep to its type.

    Args:
        who: names it.
        row: of the image.
        num_points: masks that it had to give; None: any number.
        num_masks: masks that it gave.
        sizes: [height, width] of each.
    """
    size = [row["height"], row["width"]]
    other = [list(found) for found in sizes if list(found) != size]
    if num_points not in (None, num_masks) or other:
        what = f"masks of [height, width] {other[0]}" if other else f"{num_masks} masks for {num_points} points"
        raise ValueError(
            f"image {row['image_id']} ({row['file_name']}) of {size}: the {who} gave {what}; it takes one mask a "
            "point, of the size of the image"
        )


def class_index(label: str, names: Sequence[str]) -> int:
    """Index of the class that a teacher gave to a bare click, or a proposer to a proposal."""
    if label not in names:
        raise ValueError(f"the label {label!r} is no class of the dataset, which has {', '.join(names)}")
    return list(names).index(label)


def pseudo_objects(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects of a row that have a rough mask and no mask."""
    return [item for item in row["objects"] if item["segmentation"] is None and item["rough_segmentation"] is not None]


def set_pseudo_mask(item: dict[str, Any], rle: RLE) -> None:
    """Makes a mask the label of an object, with the box and the area that belong to it."""
    item["segmentation"], item["bbox"], item["area"] = rle, rle_box(rle), float(rle_area(rle))


def rebuilt(dataset: Dataset, rows: Iterator[dict[str, Any]]) -> Dataset:
    """A dataset of the same schema out of changed rows."""
    return dataset_from_rows(rows, class_names(dataset))
