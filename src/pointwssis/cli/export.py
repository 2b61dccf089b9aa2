# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis export`: labels of any origin in the format of an annotation tool, for manual correction."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from ..data import class_names, label_studio_config, load_annotations, to_coco, to_cvat, to_label_studio, to_yolo
from ..ops.user_error import UserError
from ..runs.cache import stored_rows
from ..runs.data import reading_options
from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides

# Keys of a recipe that control how an annotation file is read.
READING = ("label_map", "complete", "point_source", "skip_bad")
EPILOG = """examples:
  pointwssis export outputs/mine/pseudo/refined --format cvat --output annotations.xml
  pointwssis export outputs/mine/pseudo/refined --format label_studio --output tasks.json
  pointwssis export clicks.csv --image_dir images --format coco --output clicks.json
  pointwssis export boxes.json --image_dir images --point_source box_center --format cvat --output annotations.xml

LABELS is a folder that a run has written (pseudo/refined, pseudo/rough), or an annotation file of any format. Use the
corrected labels with: pointwssis run --train_annotations corrected.xml ...
With an annotation file, the options of `pointwssis run` about reading are accepted: label_map, complete, point_source,
skip_bad."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="pointwssis export",
        description="Writes labels for COCO, YOLO, Label Studio or CVAT.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("labels", metavar="LABELS", help="dataset folder of a run, or annotation file")
    parser.add_argument("--format", required=True, choices=("coco", "yolo", "label_studio", "cvat"))
    parser.add_argument("--output", required=True, help="new file; for yolo a new folder, into which images are copied")
    parser.add_argument("--image_dir", help="folder of the images, when LABELS is a file")
    parser.add_argument("--image_prefix", help="label_studio: what stands before an image's path, such as a URL")
    options, words = parser.parse_known_args(arguments)

    output = Path(options.output)
    config = output.with_suffix(".interface.xml")
    for path in [output, config] if options.format == "label_studio" else [output]:
        if path.exists():
            raise FileExistsError(f"{path}: is there already; choose another --output")
    if options.image_prefix is not None and options.format != "label_studio":
        raise ValueError(f"--image_prefix is for label_studio; {options.format} takes paths below the image folder")
    dataset = labels_of(options.labels, options.image_dir, words)
    output.parent.mkdir(parents=True, exist_ok=True)
    if options.format == "yolo":
        to_yolo(dataset, output)
    elif options.format == "cvat":
        output.write_text(to_cvat(dataset), encoding="utf-8")
    elif options.format == "coco":
        output.write_text(json.dumps(to_coco(dataset)), encoding="utf-8")
    else:
        prefix = {} if options.image_prefix is None else {"image_prefix": options.image_prefix}
        output.write_text(json.dumps(to_label_studio(dataset, **prefix)), encoding="utf-8")
        config.write_text(label_studio_config(class_names(dataset)) + "\n", encoding="utf-8")
        print(f"The labeling interface of the project: {config}")
    print(f"{options.labels} → {output}: {len(dataset)} images")


def labels_of(labels: str, image_dir: str | None, words: Sequence[str] = ()) -> Dataset:
    """Return the rows of a folder that a run has written, or of an annotation file.

    Args:
        labels: folder or file.
        image_dir: folder of the images of an annotation file.
        words: `--KEY VALUE` options that control how an annotation file is read.
    """
    if (Path(labels) / "dataset_info.json").is_file():
        if words:
            raise UserError(f"{words[0]} applies to annotation files only; {labels} is a dataset of a run")
        return stored_rows(Path(labels))
    if Path(labels).is_dir():
        raise UserError(f"{labels}: not a dataset folder; give pseudo/refined of a run, or an annotation file")
    overrides = parse_overrides(words)
    unfit = [key for key in overrides if key.partition(".")[0] not in READING]
    if unfit:
        raise UserError(f"unknown option --{unfit[0]}; pointwssis export --help lists the options")
    recipe = Recipe.from_values({}, overrides, "options")
    if image_dir is None:
        raise UserError(f"{labels}: is an annotation file; give its image folder as --image_dir")
    return load_annotations(labels, image_dir, complete=recipe.complete, **reading_options(recipe))
