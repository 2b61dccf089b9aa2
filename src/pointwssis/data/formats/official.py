# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Annotation files that the authors of the paper published for their COCO subsets.

They are COCO files whose kind is the end of their name: `…_s` (strong: images with masks), `…_w` (weak: images with
points, given as the masks whose centers are the points), `…_sw` (both, the weak ones with the teacher's masks as pseudo
labels) and `…_sw_refined` (the same after MaskRefineNet).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.user_error import UserError, UserFileNotFoundError
from ..splits import hide_masks
from .coco import load_coco
from .json_stream import JsonRecords, read_json

KINDS = ("s", "w", "sw", "sw_refined")


def load_official_annotations(
    annotation_file: str | Path, image_dir: str | Path, kind: str | None = None, **options: Any
) -> Dataset:
    """Load one of the authors' files into the schema of `pointwssis.data.schema`.

    Strong images are full rows. Weak ones keep points only; `load_coco` of the same file is the hidden ground truth for
    evaluating pseudo labels. In the merged files a mask predicted by a network is a pseudo label: it has score 1 (the
    files hold no scores, and the official evaluation of pseudo labels uses 1) and no point (the files do not assign
    one), and its image is not `complete`, because the official labeling loses points.

    Args:
        annotation_file: one of the authors' files, such as `instances_train2017_10p_s.json`.
        image_dir: folder of `train2017`.
        kind: "s", "w", "sw" or "sw_refined"; None takes the end of the file name.
        options: `seed`, `skip_bad`, `class_names`, `report` of `load_coco`.

    Raises:
        UserError: the kind is unknown, or `load_coco` raises it.
    """
    # The names of the authors' files end in the kind
    if kind is None:
        match = re.search(r"_(s|w|sw|sw_refined)$", Path(annotation_file).stem)
        kind = match[1] if match else None
    if kind not in KINDS:
        raise UserError(f"{annotation_file}: the name does not end in _{', _'.join(KINDS)}; pass `kind`")
    rows = load_coco(annotation_file, image_dir, **options)
    # Weak files hold full masks, of which training may see the centers only.
    if kind == "w":
        return hide_masks(rows)
    return rows if kind == "s" else _with_pseudo_labels(rows, _made_by_network(Path(annotation_file)))


def _made_by_network(path: Path) -> set[int]:
    """Return the ids of the annotations of a merged file that are pseudo labels.

    Manual masks are polygons, or lists of run lengths for crowds; the masks of a network were written by pycocotools,
    with the run lengths as text.
    """
    annotations = read_json(path)["annotations"]
    masks = {record["id"]: record.get("segmentation") for record in annotations if isinstance(record, dict)}
    return {id for id, mask in masks.items() if isinstance(mask, dict) and isinstance(mask.get("counts"), str)}


def _with_pseudo_labels(rows: Dataset, made: set[int]) -> Dataset:
    """Mark pseudo labels. Images without any annotation may be weak ones that lost all their points."""

    def mark(row: dict[str, Any]) -> dict[str, Any]:
        # A predicted mask gets the score of the official evaluation and loses the point derived from it
        pseudo = {"point": None, "score": 1.0}
        objects = [{**item, **pseudo} if item["id"] in made else item for item in row["objects"]]
        # At least one annotation, none of them by a network: a strong image
        is_manual = bool(objects) and not any(item["id"] in made for item in row["objects"])
        return {"objects": objects, "complete": row["complete"] and is_manual}

    return rows.with_format(None).map(mark, features=rows.features, desc="Pseudo labels")


def official_subsets(folder: str | Path, percentages: Sequence[int]) -> dict[int, tuple[Path, Path]]:
    """Find the authors' strong and weak files in a folder.

    Args:
        folder: folder with `instances_train2017_{percentage}p_s.json` and `…_w.json`.
        percentages: percentages to look for; the authors did not publish 40%.

    Returns:
        Percentage → (`…_10p_s.json`, `…_10p_w.json`), for those that exist.

    Raises:
        UserFileNotFoundError: the folder has none of them, or only one file of a pair.
    """
    # A percentage needs both files of its pair.
    found = {}
    for percentage in percentages:
        files = sorted(Path(folder).glob(f"instances_train*_{percentage}p_[sw].json"))
        if len(files) == 2:
            found[percentage] = (files[0], files[1])
        elif files:
            # Half a pair is probably an incomplete download
            names = ", ".join(file.name for file in files)
            raise UserFileNotFoundError(
                f"{folder}: has {names} of {percentage}%; a subset is one file …_s and one file …_w"
            )
    if not found:
        raise UserFileNotFoundError(
            f"{folder}: has no subset files of {', '.join(f'{p}%' for p in percentages)}; their names are "
            "instances_train2017_10p_s.json and instances_train2017_10p_w.json"
        )
    return found


def official_image_ids(annotation_file: str | Path) -> list[int]:
    """Return the image ids of one of the authors' files, without reading its annotations into memory."""
    try:
        images = read_json(annotation_file)["images"]
        if not isinstance(images, JsonRecords):
            raise TypeError(f"'images' is a {type(images).__name__}")
        return [image["id"] for image in images]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{annotation_file}: not a COCO file ({error!r}); download it again") from error
