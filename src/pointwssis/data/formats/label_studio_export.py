# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema as Label Studio tasks: pre-annotations for people to correct, and the labeling interface."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from datasets import Dataset

from ...ops.coco_masks import decode_rle, rle_area
from ..schema import class_names as names_of
from .fields import box_alone, place_of_point, warn_of_crowds
from .label_studio_rle import encode_brush

IMAGE_PREFIX = "/data/local-files/?d="  # Label Studio's local storage

_CONTROLS = {"Brush": "mask", "KeyPoint": "point", "Rectangle": "box"}  # tag of the labeling interface → its name


def to_label_studio(dataset: Dataset, image_prefix: str = IMAGE_PREFIX) -> list[dict[str, Any]]:
    """Return tasks with predictions for Label Studio, ready for `json.dump` and manual correction.

    Import them into a project whose labeling interface is `label_studio_config`; export the corrected project as JSON,
    and `load_label_studio` reads it. An image of which not all objects are annotated has the choice `incomplete`, to be
    removed when all are.

    Args:
        dataset: rows of the schema.
        image_prefix: prefix of an image's path: Label Studio's local storage, or the URL of a folder (with or without
            the final slash).
    """
    class_names = names_of(dataset)
    # The URL of a folder needs its slash, a query such as `?d=` must not get one.
    prefix = image_prefix if image_prefix.endswith(("/", "=")) or not image_prefix else f"{image_prefix}/"
    # One task per image: a region per object, then choices about the whole image.
    tasks, crowds = [], 0
    for row in dataset.with_format(None):
        regions = []
        for item in row["objects"]:
            # Crowds, and objects without mask, box and point, have no counterpart in Label Studio
            crowds += item["iscrowd"]
            region = None if item["iscrowd"] else _region(item, row, class_names)
            if region is not None:
                regions.append(region)
        # Collect scores before the choices, which have none, are added.
        scores = [region["score"] for region in regions if "score" in region]
        # Image-level labels and missing completeness become choices of the image
        if row["image_labels"]:
            regions.append(_choices("classes", [class_names[label] for label in row["image_labels"]]))
        if not row["complete"]:
            regions.append(_choices("marked", ["incomplete"]))
        prediction: dict[str, Any] = {"model_version": "pointwssis", "result": regions}
        if scores:
            prediction["score"] = float(np.mean(scores))
        # The path is part of a URL, so it is quoted.
        tasks.append({"data": {"image": prefix + quote(row["file_name"])}, "predictions": [prediction]})
    warn_of_crowds(crowds, "Label Studio")
    return tasks


def write_label_studio(dataset: Dataset, path: Path, image_prefix: str = IMAGE_PREFIX) -> Path:
    """Write the tasks to a file, and the labeling interface to a file beside it (`.interface.xml`)."""
    path.write_text(json.dumps(to_label_studio(dataset, image_prefix)), encoding="utf-8")
    interface = label_studio_config(names_of(dataset))
    path.with_suffix(".interface.xml").write_text(interface + "\n", encoding="utf-8")
    return path


def label_studio_config(class_names: Sequence[str]) -> str:
    """Return the labeling interface of a project that imports these tasks.

    Example:
        >>> print(label_studio_config(["cat"]))
        <View>
          <Image name="image" value="$image" zoom="true"/>
          <BrushLabels name="mask" toName="image">
            <Label value="cat"/>
          </BrushLabels>
          <KeyPointLabels name="point" toName="image">
            <Label value="cat"/>
          </KeyPointLabels>
          <RectangleLabels name="box" toName="image">
            <Label value="cat"/>
          </RectangleLabels>
          <Choices name="classes" toName="image" choice="multiple" layout="select">
            <Choice value="cat"/>
          </Choices>
          <Choices name="marked" toName="image">
            <Choice value="complete"/>
            <Choice value="incomplete"/>
          </Choices>
        </View>
    """
    # One control per kind of region, then the choices of the image
    parts = [(f"{tag}Labels", name, "", "Label", class_names) for tag, name in _CONTROLS.items()]
    parts.append(("Choices", "classes", ' choice="multiple" layout="select"', "Choice", class_names))
    parts.append(("Choices", "marked", "", "Choice", ["complete", "incomplete"]))
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    for tag, name, settings, entry, values in parts:
        entries = [f"    <{entry} value={quoteattr(value)}/>" for value in values]
        lines += [f'  <{tag} name="{name}" toName="image"{settings}>', *entries, f"  </{tag}>"]
    return "\n".join([*lines, "</View>"])


def _region(item: Mapping[str, Any], row: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Any] | None:
    """Return a brush region for a mask, otherwise a rectangle if only a box is known, otherwise a keypoint, or None."""
    # A bare click is a region without a label
    labels = [] if item["category"] is None else [class_names[item["category"]]]
    sides = (row["width"], row["height"])
    # Every result states the size to which its percentages refer
    common: dict[str, Any] = {"id": f"object-{item['id']}", "to_name": "image", "image_rotation": 0}
    common |= {"original_width": sides[0], "original_height": sides[1]}
    if item["score"] is not None:
        common["score"] = item["score"]

    # Positions are in percent of the image; only the brush stores pixels.
    if item["segmentation"] is not None and rle_area(item["segmentation"]):
        shape, value = "Brush", {"format": "rle", "rle": encode_brush(decode_rle(item["segmentation"]))}
    elif (bbox := box_alone(item, *sides)) is not None:
        # Position and size in percent of the image's sides
        numbers = zip(("x", "y", "width", "height"), bbox, (*sides, *sides), strict=True)
        shape, value = "Rectangle", {key: 100 * number / side for key, number, side in numbers} | {"rotation": 0}
    elif item["point"] is not None:
        # From the plane to percent; the width is that of the dot.
        place = place_of_point(item["point"], *sides)
        x, y = (100 * position / side for position, side in zip(place, sides, strict=True))
        shape, value = "KeyPoint", {"x": x, "y": y, "width": 0.5}
    else:
        return None
    kind = f"{shape.lower()}labels"
    return {**common, "type": kind, "from_name": _CONTROLS[shape], "value": {**value, kind: labels}}


def _choices(name: str, values: list[str]) -> dict[str, Any]:
    return {"id": name, "type": "choices", "from_name": name, "to_name": "image", "value": {"choices": values}}
