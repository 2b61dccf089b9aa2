# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO 2017 as a prepared dataset, with one configuration per experiment of the paper."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from datasets import Dataset

from ...ops.user_error import UserError
from ..errors import LoadReport
from ..formats.coco import read_coco
from ..formats.coco_folder import find_coco_split
from ..formats.official import official_image_ids, official_subsets
from ..statistics import supervision_of
from .dataset_card import About, dataset_card, remarks
from .protocols import PERCENTAGES, labeled_ids, train5k_ids
from .writing import Split, rows_on_disk, whole_folder, write_files

Subsets = dict[int, tuple[set[int], set[int]]]  # percentage → ids of the images with masks, and of those with points

TITLE = "COCO 2017 with few masks and many points"
ORIGIN = (
    "The annotations of [COCO 2017](https://cocodataset.org) for weakly semi-supervised instance segmentation "
    "(PointWSSIS, Kim et al., CVPR 2023): a few images with masks, the others with one point per object."
)
SPLITS = """\
* `coco10`: 10% of the training images keep their masks (`full`), the others have points only (`point`: centers of
  mass; masks, boxes and areas are left out, so that nothing leaks). Likewise the other percentages.
* `all`: all training images with all labels (`train`): the hidden ground truth of `point`, by image id, and the
  training set of the fully supervised upper bound.
* `train5k`: {measured} images that have masks in none of these, on which pseudo labels are evaluated: with points
  (`point`) and with their masks (`truth`).
* `validation`: val2017 in all configurations."""
LICENSE = (
    "Annotations: © COCO Consortium, Creative Commons Attribution 4.0. The images belong to their photographers and "
    "are under the terms of use of Flickr."
)
LICENSE_FIELDS = {"license": "cc-by-4.0"}


def prepare_coco(
    data_dir: str | Path,
    output_dir: str | Path,
    *,
    percentages: Sequence[int] = PERCENTAGES,
    seed: int = 1,
    subsets_dir: str | Path | None = None,
    check_images: bool = True,
    embed_images: bool = False,
    skip_bad: bool = False,
) -> Path:
    """Write COCO 2017, or any folder in its layout, as a prepared dataset (see `pointwssis.data.prepared`).

    Memory stays bounded: the annotation file is read record by record, and rows are written as they are made.

    Args:
        data_dir: folder with `annotations/instances_train2017.json`, `instances_val2017.json` and the images.
        output_dir: folder to write; it must be empty or not exist.
        percentages: percentages of images with masks; each becomes a configuration, `coco1`, `coco2`, ….
        seed: seed of the draw (see `protocols.py`); one folder holds one seed.
        subsets_dir: folder of the authors' subset files (`instances_train2017_10p_s.json`, `…_w.json`); their draw
            replaces ours for every requested percentage that has files.
        check_images: open every image file; without it the images may be missing.
        embed_images: store the image files as well, each of them twice, with masks and with points.
        skip_bad: leave out bad records, counted and reported, instead of stopping at the first one.

    Returns:
        `output_dir`.

    Raises:
        UserFileNotFoundError: a file is missing.
        UserError: a record is bad (see `load_coco`), or `output_dir` is not empty.
    """
    # Find all input files before anything is written.
    root, options = Path(data_dir), {"skip_bad": skip_bad, "check_images": check_images}
    splits = [find_coco_split(root, split, check_images) for split in ("train", "val")]
    drawn = None if subsets_dir is None else official_subsets(subsets_dir, percentages)
    reports = [LoadReport(), LoadReport()]
    with whole_folder(output_dir) as folder:
        # Rows go to disk as they are read, so that memory stays bounded.
        scratch = folder / "rows"
        scratch.mkdir()
        # Rows go to disk one by one, and the configurations refer to them by position.
        names, rows = read_coco(*splits[0], report=reports[0], **options)
        train = rows_on_disk(rows, names, scratch / "train.arrow")
        # The validation set takes the classes of the training set, so that both have the same indices.
        _, rows = read_coco(*splits[1], class_names=names, report=reports[1], **options)
        validation = rows_on_disk(rows, names, scratch / "validation.arrow")
        # Draw the subsets, or take those that the authors published.
        subsets = _draw(train, percentages, seed) if drawn is None else _drawn_by_the_authors(train, drawn, skip_bad)
        configs = _configurations(train, validation, subsets)
        contents = write_files(folder, configs, root, embed_images)
        # The card comes last, when the numbers are known; the rows on disk are not published.
        about = _about(reports, len(configs["train5k"]["truth"].positions), drawn, percentages, seed)
        (folder / "README.md").write_text(dataset_card(about, contents, embed_images), encoding="utf-8")
        shutil.rmtree(scratch)
    return Path(output_dir)


def _draw(train: Dataset, percentages: Sequence[int], seed: int) -> Subsets:
    kinds = dict(zip(train["image_id"], supervision_of(train), strict=True))
    everything = set(kinds)
    full = {percentage: labeled_ids(kinds, percentage, seed) for percentage in percentages}
    return {percentage: (ids, everything - ids) for percentage, ids in full.items()}


def _drawn_by_the_authors(train: Dataset, files: Mapping[int, tuple[Path, Path]], skip_bad: bool) -> Subsets:
    known = set(train["image_id"])
    subsets = {}
    for percentage, pair in files.items():
        subsets[percentage] = tuple(set(official_image_ids(file)) for file in pair)
        for file, ids in zip(pair, subsets[percentage], strict=True):
            # Unknown ids mean that the files belong to another dataset, unless bad images were left out on purpose.
            unknown = sorted(ids - known)
            if unknown and not skip_bad:
                raise UserError(
                    f"{file}: image {unknown[0]} (and {len(unknown) - 1} more) is not among the training images; give "
                    "the subset files of this dataset, or use skip_bad if images were left out"
                )
    return subsets


def _configurations(train: Dataset, validation: Dataset, subsets: Subsets) -> dict[str, dict[str, Split]]:
    places = {image_id: place for place, image_id in enumerate(train["image_id"])}

    def split(ids: Iterable[int], points_only: bool = False) -> Split:
        # Ids without a row belong to images that were left out; sorted positions keep the order of the file.
        return Split(train, sorted(places[image_id] for image_id in ids if image_id in places), points_only)

    # Pseudo labels are measured on images that keep their masks in no configuration.
    val = Split(validation, range(len(validation)))
    # The list of `train5k` excludes the images with masks of every percentage, so that it serves all teachers.
    kinds = zip(train["image_id"], supervision_of(train), strict=True)
    labeled = set().union(*(full for full, _ in subsets.values()))
    measured = train5k_ids([image_id for image_id, kind in kinds if kind == "full"], labeled)
    configs = {}
    for percentage, (full, point) in subsets.items():
        parts = {"full": split(full), "point": split(point, points_only=True), "validation": val}
        configs[f"coco{percentage}"] = parts
    configs["all"] = {"train": split(places), "validation": val}
    configs["train5k"] = {"point": split(measured, points_only=True), "truth": split(measured)}
    return configs


def _about(
    reports: Sequence[LoadReport],
    measured: int,
    drawn: Mapping[int, tuple[Path, Path]] | None,
    percentages: Sequence[int],
    seed: int,
) -> About:
    # State how the subsets were drawn.
    if drawn is None:
        draw = f"seed {seed}; a smaller percentage lies within a larger one"
        draw = f"drawn by the rule of `pointwssis.data.prepared.protocols` ({draw})"
    else:
        draw = f"those published by the authors of the paper ({', '.join(file.name for file, _ in drawn.values())})"
    # The authors' files may cover fewer percentages than requested.
    percent = ", ".join(f"{percentage}%" for percentage in (percentages if drawn is None else drawn))
    made = (
        f"`prepare_coco` of pointwssis {version('pointwssis')}. The subsets of {percent} are {draw}. The list of "
        "`train5k` is fixed by the rule there. Points are the centers of mass of the masks."
    )
    return About(
        TITLE,
        ORIGIN,
        SPLITS.format(measured=f"{measured:,}"),
        "\n\n".join([made, *remarks(reports)]),
        LICENSE,
        LICENSE_FIELDS,
    )
