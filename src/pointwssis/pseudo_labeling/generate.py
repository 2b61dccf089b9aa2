# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points → rough masks → refined masks → pseudo labels, over a dataset of the schema.

This module knows no model. Teachers, refiners and proposers are plain callables (see `labeler_types` and
`pipelines.refiners`); `labelers` makes them from trained models.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm

from ..data.schema import class_names, dataset_from_rows, image_title, make_object, objects_with_point, refuse_stream
from ..ops.coco_masks import RLE, decode_rle, encode_mask, rle_area, rle_box, rle_coverage
from ..ops.images import read_image
from ..ops.parameter_checks import check_at_least_one
from ..ops.points import point_from_mask, point_in_mask
from ..pipelines.refiners import Refiner, refined_masks
from .labeler_types import Proposer, Teacher, check_batch, check_instances, class_index
from .settling import settle_rough_masks, settled_labels

Row = dict[str, Any]

IMAGES_PER_BATCH = 8  # per call of a teacher or proposer
SAME_OBJECT = 0.5  # fraction of a proposal that one annotated mask must cover to be the same object


def generate_pseudo_labels(
    dataset: Dataset,
    teacher: Teacher,
    refiner: Refiner | None = None,
    batch_size: int = IMAGES_PER_BATCH,
    settle_overlaps: bool = True,
) -> Dataset:
    """Turn points into masks (paper, figure 3, bottom): predict rough masks and refine them.

    Args:
        dataset: rows of the schema with points.
        teacher: see `Teacher`.
        refiner: see `Refiner`; None takes the rough masks as labels.
        batch_size: images per call of the teacher.
        settle_overlaps: settle overlaps by points; see `predict_rough_masks` and `refine_rough_masks`. The paper keeps
            overlaps.
    """
    rough = predict_rough_masks(dataset, teacher, batch_size, settle_overlaps)
    if refiner is None:
        return keep_rough_masks(rough, settle_overlaps)
    return refine_rough_masks(rough, refiner, settle_overlaps)


# -- rough masks of points


def predict_rough_masks(
    dataset: Dataset, teacher: Teacher, batch_size: int = IMAGES_PER_BATCH, settle_overlaps: bool = True
) -> Dataset:
    """Give every object with a point a `rough_segmentation`, a `score` and a `level`.

    Annotated masks are kept and get no score. A point for which the teacher finds nothing gets an empty rough mask. A
    click without a class gets the class that the teacher predicts.

    Args:
        dataset: rows of the schema.
        teacher: see `Teacher`.
        batch_size: images per call of the teacher.
        settle_overlaps: give each pixel that several rough masks of an image claim to the object with the nearest point
            (see `ops.settle_overlaps`). The paper keeps overlaps.

    Raises:
        UserError: the teacher returns something other than one mask per point.
    """
    rows = _with_rough_masks(dataset, teacher, batch_size, settle_overlaps)
    return dataset_from_rows(rows, class_names(dataset))


def _with_rough_masks(dataset: Dataset, teacher: Teacher, batch_size: int, settle_overlaps: bool) -> Iterator[Row]:
    names = class_names(dataset)
    for rows in _batches(dataset, batch_size, "Rough masks"):
        # Ask the teacher for all points of a batch of images at once.
        objects = [objects_with_point(row) for row in rows]
        images = [read_image(row) for row in rows]
        points, labels = [], []
        for items in objects:
            points.append([item["point"] for item in items])
            labels.append([_class_name(item, names) for item in items])
        answers = check_batch("teacher", rows, teacher(images, points, labels))
        # Check the whole answer of an image before its objects are changed.
        for row, items, answer in zip(rows, objects, answers, strict=True):
            instances = check_instances("teacher", row, answer, len(items))
            for item, instance in zip(items, instances, strict=True):
                item["rough_segmentation"], item["level"] = instance["mask"], instance["level"]
                if item["segmentation"] is None:  # a score marks what becomes a pseudo label
                    item["score"] = instance["score"]
                # A click without a class takes the class that the teacher predicts.
                if item["category"] is None:
                    item["category"] = class_index("teacher", row, instance["label"], names)
            if settle_overlaps:
                settle_rough_masks(row)
            yield row


def _class_name(item: Row, names: Sequence[str]) -> str | None:
    return None if item["category"] is None else names[item["category"]]


# -- objects without points


def propose_rough_masks(
    dataset: Dataset, proposer: Proposer, first_id: int, batch_size: int = IMAGES_PER_BATCH
) -> Dataset:
    """Add the unannotated objects that a network finds in incomplete images.

    Incomplete are images without labels or with image-level labels (paper, table 5), and here also images in which
    only some objects have points. Each new object has a `rough_segmentation` and a `score`, but no point. The images
    stay incomplete: regions without a proposal are not background. Complete images do not change.

    Args:
        dataset: rows of the schema. Their objects stay; a proposal that repeats one of them is dropped.
        proposer: see `Proposer`.
        first_id: id of the first new object; greater than all ids of the data that the result is combined with.
        batch_size: images per call of the proposer.

    Raises:
        UserError: the proposer returns something other than documented.
    """
    return dataset_from_rows(_with_proposals(dataset, proposer, first_id, batch_size), class_names(dataset))


def _with_proposals(dataset: Dataset, proposer: Proposer, first_id: int, batch_size: int) -> Iterator[Row]:
    names, ids = class_names(dataset), itertools.count(first_id)
    for rows in _batches(dataset, batch_size, "Proposals"):
        # Complete images show nothing that is not annotated, so they do not go through the network.
        incomplete = [row for row in rows if not row["complete"]]
        for row, instances in zip(incomplete, _proposals(incomplete, names, proposer), strict=True):
            for instance in instances:
                if is_annotated(instance["mask"], row["objects"]):
                    continue
                # The label itself is made later: a proposal begins as a rough mask, like the masks of points.
                category = class_index("proposer", row, instance["label"], names)
                values = {"rough_segmentation": instance["mask"], "score": instance["score"]}
                row["objects"].append(make_object(next(ids), category, **values))
        yield from rows


def _proposals(rows: Sequence[Row], names: Sequence[str], proposer: Proposer) -> Iterator[list[dict[str, Any]]]:
    """Yield the proposals for each image of a batch that are not empty."""
    if not rows:
        return
    # Known classes of an image restrict what the proposer may find.
    classes = [_present_classes(row, names) for row in rows]
    answers = check_batch("proposer", rows, proposer([read_image(row) for row in rows], classes))
    for row, answer in zip(rows, answers, strict=True):
        instances = check_instances("proposer", row, answer)
        yield [instance for instance in instances if rle_area(instance["mask"])]


def _present_classes(row: Row, names: Sequence[str]) -> list[str] | None:
    labels = row["image_labels"]
    return None if labels is None else [names[label] for label in labels]


def is_annotated(mask: RLE, objects: Sequence[Row]) -> bool:
    """Return True if a proposal repeats an annotated object: it covers a point, or most of it lies in one mask."""
    # A point inside the proposal is enough, whatever the size of the proposal.
    pixels = decode_rle(mask)
    if any(point_in_mask(item["point"], pixels) for item in objects if item["point"] is not None):
        return True
    # Objects without a mask are compared by their rough mask, if they have one.
    masks = [item["segmentation"] or item["rough_segmentation"] for item in objects]
    annotated = [other for other in masks if other is not None]
    return any(fraction > SAME_OBJECT for fraction in rle_coverage(mask, annotated))


# -- labels


def refine_rough_masks(dataset: Dataset, refiner: Refiner, settle_overlaps: bool = True) -> Dataset:
    """Write the refined form of every rough mask to `segmentation`; objects with an annotated mask keep it.

    Args:
        dataset: rows of the schema with `rough_segmentation`.
        refiner: see `Refiner`.
        settle_overlaps: settle overlaps between the refined masks of an image by points, and leave the pixels of
            annotated masks to them. The paper keeps overlaps.

    Raises:
        UserError: the refiner returns something other than one mask per rough mask.
    """
    return dataset_from_rows(_with_refined_masks(dataset, refiner, settle_overlaps), class_names(dataset))


def _with_refined_masks(dataset: Dataset, refiner: Refiner, settle_overlaps: bool) -> Iterator[Row]:
    names = class_names(dataset)
    for row in tqdm(dataset.with_format(None), desc="Refined masks", unit="image", disable=None):
        # Rows without rough masks pass unchanged.
        objects = pseudo_objects(row)
        if objects:
            rough_masks = [item["rough_segmentation"] for item in objects]
            points = [_point_of(item) for item in objects]
            labels = [names[item["category"]] for item in objects]
            masks = refined_masks(refiner, read_image(row), rough_masks, points, labels, image_title(row))
            set_labels(row, objects, [encode_mask(mask) for mask in masks], settle_overlaps)
        yield row


def _point_of(item: Row) -> list[float]:
    """Return the point of an object; that of a proposal is the center of mass of its rough mask."""
    return item["point"] or list(point_from_mask(decode_rle(item["rough_segmentation"])))


def keep_rough_masks(dataset: Dataset, settle_overlaps: bool = True) -> Dataset:
    """Copy every rough mask to `segmentation`; objects with an annotated mask keep it.

    Args:
        dataset: rows of the schema with `rough_segmentation`.
        settle_overlaps: see `refine_rough_masks`.
    """
    return dataset_from_rows(_with_kept_masks(dataset, settle_overlaps), class_names(dataset))


def _with_kept_masks(dataset: Dataset, settle_overlaps: bool) -> Iterator[Row]:
    for row in dataset.with_format(None):
        objects = pseudo_objects(row)
        set_labels(row, objects, [item["rough_segmentation"] for item in objects], settle_overlaps)
        yield row


def set_labels(row: Row, objects: Sequence[Row], masks: Sequence[RLE], settle_overlaps: bool) -> None:
    """Set the masks of an image as the labels of its objects."""
    masks = settled_labels(row, objects, masks) if settle_overlaps else masks
    for item, mask in zip(objects, masks, strict=True):
        set_pseudo_mask(item, mask)


def pseudo_objects(row: Row) -> list[Row]:
    """Return the objects of a row that have a rough mask and no mask."""
    unlabeled = [item for item in row["objects"] if item["segmentation"] is None]
    return [item for item in unlabeled if item["rough_segmentation"] is not None]


def set_pseudo_mask(item: Row, rle: RLE) -> None:
    """Set a mask as the label of an object, with its box and area."""
    item["segmentation"], item["bbox"], item["area"] = rle, rle_box(rle), float(rle_area(rle))


def _batches(dataset: Dataset, batch_size: int, title: str) -> Iterator[list[Row]]:
    """Yield rows in batches, with a progress bar that counts images and is silent without a terminal."""
    refuse_stream("dataset", dataset)
    check_at_least_one("batch_size", batch_size)
    plain = dataset.with_format(None)
    with tqdm(total=len(plain), desc=title, unit="image", disable=None) as progress:
        for start in range(0, len(plain), batch_size):
            rows = [plain[index] for index in range(start, min(start + batch_size, len(plain)))]
            yield rows
            progress.update(len(rows))
