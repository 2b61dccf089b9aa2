# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The authors' annotation files of their COCO subsets in our schema.

They are COCO files whose names end in what they are: `…_s` (strong: images with masks), `…_w` (weak: images with
points, given as the masks whose centers the points are), `…_sw` (both, the weak ones with the teacher's masks as pseudo
labels) and `…_sw_refined` (the same after MaskRefineNet).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..splits import hide_masks
from .coco import load_coco
from .json_stream import JsonRecords, read_json

KINDS = ("s", "w", "sw", "sw_refined")


def load_official_annotations(
    annotation_file: str | Path, image_dir: str | Path, kind: str | None = None, **options: Any
) -> Dataset:
    """Reads one of the authors' files into the schema of `pointwssis.data.schema`.

    Strong images are full rows. Weak ones keep points only; `load_coco` of the same file is the hidden truth, for
    measuring pseudo labels. In the merged files a mask that came out of a network is a pseudo label: it has score 1
    (the files hold no scores, and the official evaluation of pseudo labels sets them so) and no point (the files do not
    say which point it is of), and its image is not `complete`, because the official labeling loses points.

    Args:
        annotation_file: such as `instances_train2017_10p_s.json`.
        image_dir: folder of `train2017`.
        kind: "s", "w", "sw" or "sw_refined"; None: what the file's name ends in.
        options: `seed`, `skip_bad`, `class_names`, `report` of `load_coco`.

    Raises:
        ValueError: the kind is unknown, or anything that `load_coco` finds wrong.
    """
    if kind is None:
        match = re.search(r"_(s|w|sw|sw_refined)$", Path(annotation_file).stem)
        kind = match[1] if match else None
    if kind not in KINDS:
        raise ValueError(f"{annotation_file}: the name does not end in _{', _'.join(KINDS)}; say which it is as `kind`")
    rows = load_coco(annotation_file, image_dir, **options)
    if kind == "w":
        return hide_masks(rows)
    return rows if kind == "s" else _with_pseudo_labels(rows, _made_by_network(Path(annotation_file)))


def _made_by_network(path: Path) -> set[int]:
    """Ids of the annotations of a merged file that are pseudo labels.

    People's masks are polygons, or, of crowds, lists of run lengths; a network's masks were written by pycocotools,
    with the run lengths as text.
    """
    annotations = read_json(path)["annotations"]
    masks = {record["id"]: record.get("segmentation") for record in annotations if isinstance(record, dict)}
    return {id for id, mask in masks.items() if isinstance(mask, dict) and isinstance(mask.get("counts"), str)}


def _with_pseudo_labels(rows: Dataset, made: set[int]) -> Dataset:
    """Marks pseudo labels. Images without any annotation may be weak ones whose points were all lost."""

    def mark(row: dict[str, Any]) -> dict[str, Any]:
        pseudo = {"point": None, "score": 1.0}
        objects = [{**item, **pseudo} if item["id"] in made else item for item in row["objects"]]
        by_hand = bool(objects) and not any(item["id"] in made for item in row["objects"])
        return {"objects": objects, "complete": row["complete"] and by_hand}

    return rows.with_format(None).map(mark, features=rows.features, desc="Pseudo labels")


def official_subsets(folder: str | Path, percentages: Sequence[int]) -> dict[int, tuple[Path, Path]]:
    """The authors' strong and weak files in a folder: percentage → (`…_10p_s.json`, `…_10p_w.json`).

    Args:
        folder: with `instances_train2017_{percentage}p_s.json` and `…_w.json`.
        percentages: which of them to take; the authors published none of 40%.

    Raises:
        FileNotFoundError: the folder has none of them, or one without its other half.
    """
    found = {}
    for percentage in percentages:
        files = sorted(Path(folder).glob(f"instances_train*_{percentage}p_[sw].json"))
        if len(files) == 2:
            found[percentage] = (files[0], files[1])
        elif files:
            names = ", ".join(file.name for file in files)
            raise FileNotFoundError(f"{folder}: has {names} of {percentage}%; a subset is one file …_s and one …_w")
    if not found:
        raise FileNotFoundError(
            f"{folder}: has no subset files of {', '.join(f'{p}%' for p in percentages)}; they are called "
            "instances_train2017_10p_s.json and instances_train2017_10p_w.json"
        )
    return found


def official_image_ids(annotation_file: str | Path) -> list[int]:
    """Ids of the images of one of the authors' files, without reading its annotations into memory."""
    try:
        images = read_json(annotation_file)["images"]
        if not isinstance(images, JsonRecords):
            raise TypeError(f"'images' is a {type(images).__name__}")
        return [image["id"] for image in images]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{annotation_file}: is no COCO file ({error!r}); download it again") from error
