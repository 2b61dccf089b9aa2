# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Synthetic shapes, version shapes-v1: a miniature instance segmentation dataset that needs no download.

Ellipses, rectangles, triangles and stars, from tiny to half the image, are randomly rotated, textured, shaded and
overlapping. Textures and colors of shapes and backgrounds come from the same distribution and neighbors may share them,
so that they neither reveal the class nor separate two objects; distractors lie in the background. Masks are the visible
parts. Level, seed and index determine an image of a given size; see `shape_scenes` for the levels.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image

from ..ops.coco_masks import encode_mask, rle_area, rle_box
from ..ops.points import point_from_mask
from ..ops.user_error import UserError
from .formats.coco_export import to_coco
from .schema import dataset_from_rows, make_object
from .shape_scenes import SHAPE_CLASSES, SHAPE_LEVELS, draw_scene

Size = tuple[int, int]  # (height, width)

SHAPES_VERSION = "shapes-v1"
DATASET_CARD = Path(__file__).with_name("shapes_card.md")


def make_shapes_dataset(
    num_images: int, image_size: Size | Sequence[Size] = (128, 128), seed: int = 0, level: str = "medium"
) -> Dataset:
    """Draw a dataset of the schema; image i depends only on level, sizes, seed and i.

    Args:
        num_images: number of images.
        image_size: (height, width) in pixels, or several of them, one of which is drawn for each image.
        seed: random seed.
        level: difficulty: "easy", "medium" or "hard".

    Returns:
        Rows with the PNG file in memory, the visible masks, and centers of mass as points. Classes: `SHAPE_CLASSES`.

    Example:
        >>> dataset = make_shapes_dataset(2, (64, 80))
        >>> dataset[0]["width"], len(dataset)
        (80, 2)
    """
    return dataset_from_rows(_rows(num_images, image_size, (seed, 0), level), SHAPE_CLASSES)


def write_shapes_coco(
    directory: str | Path,
    num_train: int = 240,
    num_val: int = 60,
    image_size: Size | Sequence[Size] = (128, 128),
    seed: int = 0,
    level: str = "medium",
) -> Path:
    """Draw a folder in COCO's layout: `images/*.png`, `annotations/instances_train.json` and `instances_val.json`.

    A dataset card, `README.md`, names version, level, seed and counts.

    Args:
        directory: output folder, created if missing; files with the same names are overwritten.
        num_train: number of training images.
        num_val: number of validation images, drawn from another stream of the same seed.
        image_size: (height, width) in pixels, or several of them, as in `make_shapes_dataset`.
        seed: random seed.
        level: difficulty, as in `make_shapes_dataset`.

    Returns:
        The directory, ready for `load_coco_folder`.
    """
    directory = Path(directory)
    for folder in ("images", "annotations"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    # Training and validation use different streams of random numbers and consecutive image ids.
    for stream, (split, count) in enumerate((("train", num_train), ("val", num_val))):
        rows = []
        names = f"{split}_{{:05d}}.png"
        for row in _rows(count, image_size, (seed, stream), level, names, first_id=stream * num_train + 1):
            # The image becomes a file; the annotations refer to it by name.
            (directory / "images" / row["file_name"]).write_bytes(row["image"]["bytes"])
            rows.append({**row, "image": row["file_name"]})
        # Export with the package's own writer, so that the file has the form of a real COCO file.
        content = to_coco(dataset_from_rows(rows, SHAPE_CLASSES))
        for annotation in content["annotations"]:
            del annotation["point"]  # real COCO files have none; loading derives it
        (directory / "annotations" / f"instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")
    values = {"level": level, "seed": seed, "image_size": image_size, "num_train": num_train, "num_val": num_val}
    card = DATASET_CARD.read_text(encoding="utf-8")
    (directory / "README.md").write_text(card.format(version=SHAPES_VERSION, **values), encoding="utf-8")
    return directory


def _rows(
    count: int,
    image_size: Size | Sequence[Size],
    seed: tuple[int, int],
    level: str,
    name: str = "{:05d}.png",
    first_id: int = 1,
) -> Iterator[dict[str, Any]]:
    if level not in SHAPE_LEVELS:
        raise UserError(f"level is {level!r}; it must be one of {', '.join(SHAPE_LEVELS)}")
    # A single size is a pair of integers, a list of sizes a sequence of pairs.
    sizes = [image_size] if isinstance(image_size[0], int) else list(image_size)
    for index in range(count):
        # A generator per image makes image i independent of the number of images.
        rng = np.random.default_rng([*seed, index])
        height, width = sizes[rng.integers(len(sizes))]
        pixels, labels, masks = draw_scene(rng, height, width, level)
        # Encode the file in memory; the lowest compression is the fastest.
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        image_id, file_name = first_id + index, name.format(index)
        # Object ids are unique, because an image has fewer than 100 objects.
        objects = []
        for number, (label, mask) in enumerate(zip(labels, masks, strict=True)):
            rle = encode_mask(mask)
            values = {"bbox": rle_box(rle), "area": float(rle_area(rle)), "segmentation": rle}
            point = list(point_from_mask(mask))
            objects.append(make_object(image_id * 100 + number, label, point=point, **values))
        row = {"image": {"path": file_name, "bytes": file.getvalue()}, "image_id": image_id, "file_name": file_name}
        yield {**row, "width": width, "height": height, "complete": True, "image_labels": None, "objects": objects}
