# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K as a prepared dataset: 7k images with masks, 20k, 40k or 67k with points (paper, table 6)."""

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.user_error import UserError, UserFileNotFoundError
from ..class_names import BDD100K_NAMES
from ..errors import LoadReport
from ..formats.bdd100k import read_bdd100k
from .dataset_card import About, dataset_card, remarks
from .protocols import point_subsets
from .writing import Split, rows_on_disk, whole_folder, write_files

MASK_FORMS = ("rles", "polygons", "bitmasks")
TITLE = "BDD100K with few masks and many points"
ORIGIN = (
    "Images of [BDD100K](https://www.bdd100k.com) for weakly semi-supervised instance segmentation (PointWSSIS, Kim et "
    "al., CVPR 2023): those of its 10K set with masks, those of its 100K set with one point per object, the center "
    "of its box."
)
SPLITS = """\
* `bdd7k`: the images with masks (`full`).
* `bdd20k`, `bdd40k`: also 20,000 and 40,000 images with points (`point`; boxes are left out). `bdd67k`: all of them.
  A smaller set is a subset of a larger one.
* `validation`: in all configurations the images with masks of BDD100K's validation set."""
LICENSE = (
    "The data are under the BDD100K license (© 2018 The Regents of the University of California): use, copies and "
    "changes for education, research and not-for-profit purposes, with the notice kept; for anything else ask there. "
    "https://doc.bdd100k.com/license.html"
)
LICENSE_FIELDS = {
    "license": "other",
    "license_name": "bdd100k",
    "license_link": "https://doc.bdd100k.com/license.html",
}


def prepare_bdd100k(
    data_dir: str | Path,
    output_dir: str | Path,
    *,
    masks: str = "rles",
    check_images: bool = True,
    embed_images: bool = False,
    skip_bad: bool = False,
) -> Path:
    """Write BDD100K as a prepared dataset (see `pointwssis.data.prepared`).

    Images with boxes are left out if they are also among the images with masks or, if these files exist, among the
    other images of the 10K set: the two sets overlap, even training with validation.

    Args:
        data_dir: folder as BDD100K unpacks: `images/10k/{train,val}`, `images/100k/train`, `labels/ins_seg` and
            `labels/det_20/det_train.json`.
        output_dir: folder to write; it must be empty or not exist.
        masks: form of the masks to read: "rles", "polygons" or "bitmasks".
        check_images: open every image file; without it the images may be missing.
        embed_images: store the image files as well.
        skip_bad: leave out bad records, counted and reported, instead of stopping at the first one.

    Returns:
        `output_dir`.

    Raises:
        UserFileNotFoundError: a file is missing.
        UserError: a record is bad (see `load_bdd100k`), or `output_dir` is not empty.
    """
    root, reports = Path(data_dir), []

    def rows(labels: Path, images: str) -> Iterator[dict[str, Any]]:
        # Each file that is read gets its own report, for the remarks in the card.
        reports.append(LoadReport())
        options = {"skip_bad": skip_bad, "check_images": check_images, "report": reports[-1]}
        return read_bdd100k(labels, root / "images" / images, **options)

    # Find the files with masks before anything is written.
    files = {split: _mask_labels(root, masks, split) for split in ("train", "val")}
    with whole_folder(output_dir) as folder:
        # Rows go to disk as they are read, so that memory stays bounded.
        scratch = folder / "rows"
        scratch.mkdir()
        full = rows_on_disk(rows(files["train"], "10k/train"), BDD100K_NAMES, scratch / "full.arrow")
        val = rows_on_disk(rows(files["val"], "10k/val"), BDD100K_NAMES, scratch / "validation.arrow")
        # The sets with masks and with boxes overlap.
        taken = {Path(name).stem for part in (full, val) for name in part["file_name"]}
        taken |= {path.stem for path in (root / "images" / "10k").glob("*/*.jpg")}
        boxes = rows(root / "labels" / "det_20" / "det_train.json", "100k/train")
        boxes = (row for row in boxes if Path(row["file_name"]).stem not in taken)
        point = rows_on_disk(boxes, BDD100K_NAMES, scratch / "point.arrow")
        contents = write_files(folder, _configurations(full, point, val), root, embed_images)
        made = (
            f"`prepare_bdd100k` of pointwssis {version('pointwssis')}, masks in the form `{masks}`. The images with "
            "points are drawn by the rule of `pointwssis.data.prepared.protocols`; those that are also in the 10K set "
            "are left out. Points are the centers of the boxes, or of mass for objects with masks."
        )
        about = About(TITLE, ORIGIN, SPLITS, "\n\n".join([made, *remarks(reports)]), LICENSE, LICENSE_FIELDS)
        (folder / "README.md").write_text(dataset_card(about, contents, embed_images), encoding="utf-8")
        # The rows on disk were an intermediate step and are not published.
        shutil.rmtree(scratch)
    return Path(output_dir)


def _configurations(full: Dataset, point: Dataset, validation: Dataset) -> dict[str, dict[str, Split]]:
    positions = {name: position for position, name in enumerate(point["file_name"])}
    shared = {"full": Split(full, range(len(full))), "validation": Split(validation, range(len(validation)))}
    configs = {"bdd7k": shared}
    for config, names in point_subsets(positions).items():
        # Sorted positions keep the order of the annotation file; points replace boxes.
        chosen = Split(point, sorted(positions[name] for name in names), points_only=True)
        configs[config] = {"full": shared["full"], "point": chosen, "validation": shared["validation"]}
    return configs


def _mask_labels(root: Path, masks: str, split: str) -> Path:
    if masks not in MASK_FORMS:
        raise UserError(f"masks is {masks!r}; use one of {', '.join(MASK_FORMS)}")
    # Bitmasks are a folder of images per split, the other forms one JSON file per split.
    folder = root / "labels" / "ins_seg"
    path = folder / masks / (split if masks == "bitmasks" else f"ins_seg_{split}.json")
    if not path.exists():
        # Name the forms that are present, because one of them is probably the one to use.
        present = sorted(form for form in MASK_FORMS if (folder / form).is_dir())
        raise UserFileNotFoundError(f"{path}: not found; {folder} has the forms of masks {present or 'none'}")
    return path
