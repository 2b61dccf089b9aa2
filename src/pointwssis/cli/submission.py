# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The results file of COCO's evaluation server, for `pointwssis predict --test_dev`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ops.rle import RLE
from ..ops.user_error import UserError, UserFileNotFoundError, as_user_error


@dataclass(frozen=True)
class ListedImages:
    """The images and categories of `image_info_test-dev2017.json`, or of any file in COCO's format.

    Args:
        files: path of each image → its id.
        category_ids: class name → id of the category.
    """

    files: dict[Path, int]
    category_ids: dict[str, int]


def read_image_info(path: Path, found: Sequence[Path], class_names: Sequence[str]) -> ListedImages:
    """Read a list of images, which has no annotations.

    Args:
        path: JSON file with `images` and `categories`.
        found: images that were found; others than those of the list are left out.
        class_names: classes of the model.

    Raises:
        UserFileNotFoundError: the file, or an image of it, does not exist.
        UserError: it is not such a file, or lacks a class of the model.
    """
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: no such file; expected image_info_test-dev2017.json")
    with as_user_error(ValueError, KeyError, TypeError, source=f"{path}: not a list of images in COCO's format"):
        content = json.loads(path.read_text(encoding="utf-8"))
        ids = {image["file_name"]: int(image["id"]) for image in content["images"]}
        category_ids = {category["name"]: int(category["id"]) for category in content["categories"]}
    # The server knows only its own classes.
    unknown = [name for name in class_names if name not in category_ids]
    if unknown:
        raise UserError(f"{path}: has no category {', '.join(unknown)}, which the model predicts")
    # Every image of the list counts, so that a missing one would lower the result unnoticed.
    paths = {file.name: file for file in found}
    missing = [name for name in ids if name not in paths]
    if missing:
        raise UserFileNotFoundError(f"{path}: {len(missing)} of {len(ids)} images were not found, such as {missing[0]}")
    return ListedImages({paths[name]: number for name, number in ids.items()}, category_ids)


def results_of_image(
    image_id: int, instances: Sequence[Mapping[str, Any]], category_ids: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield the records of one image.

    Args:
        image_id: id of the image.
        instances: as the pipeline returns them, with run-length encoded masks.
        category_ids: class name → id of the category.
    """
    for instance in instances:
        rle: RLE = instance["mask"]
        category_id = category_ids[instance["label"]]
        yield {"image_id": image_id, "category_id": category_id, "segmentation": rle, "score": instance["score"]}
