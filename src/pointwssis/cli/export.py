# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis export`: labels of any origin in the format of an annotation tool, for manual correction."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..ops.user_error import UserError, UserFileNotFoundError
from ..ops.wording import counted
from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides

if TYPE_CHECKING:
    from datasets import Dataset

FORMAT_NAMES = ("yolo", "cvat", "label_studio", "labelme", "via", "coco")  # those of `EXPORT_FORMATS`
# Keys of a recipe that control how an annotation file is read.
READING = ("label_map", "complete", "point_source", "skip_bad", "allow_outside")
EPILOG = """examples:
  pointwssis export outputs/mine/pseudo/refined --format cvat --output annotations.xml
  pointwssis export outputs/mine/pseudo/refined --format label_studio --output tasks.json
  pointwssis export clicks.csv --image_dir images --format coco --output clicks.json
  pointwssis export boxes.json --image_dir images --point_source box_center --format cvat --output annotations.xml

LABELS is a folder that a run has written (pseudo/refined, pseudo/rough), or an annotation file of any format, or a
folder of LabelMe files. Use the corrected labels with: pointwssis run --train_annotations corrected.xml ...
With an annotation file, the options of `pointwssis run` about reading are accepted: label_map, complete, point_source,
skip_bad, allow_outside."""


def main(arguments: Sequence[str]) -> None:
    """Write the labels of a run or of an annotation file in another format."""
    parser = argparse.ArgumentParser(
        prog="pointwssis export",
        description="Write labels of a run, or an annotation file, in the format of an annotation tool.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("labels", metavar="LABELS", help="dataset folder of a run, or annotation file")
    parser.add_argument("--format", required=True, choices=FORMAT_NAMES)
    parser.add_argument("--output", required=True, help="new file; for yolo a new folder, into which images are copied")
    parser.add_argument("--image_dir", help="folder of the images, if LABELS is a file")
    parser.add_argument("--image_prefix", help="label_studio: prefix of the image paths, such as a URL")
    options, words = parser.parse_known_args(arguments)

    # Imported after the options, so that the help does not wait for torch.
    from ..data import export_annotations
    from ..data.formats.exporting import EXPORT_FORMATS, check_outputs

    # Check everything about the output before the labels are read.
    output, entry = Path(options.output), EXPORT_FORMATS[options.format]
    check_outputs(output, entry)
    if options.image_prefix is not None and "image_prefix" not in entry.write_options:
        raise UserError(f"--image_prefix applies to label_studio; {options.format} has paths below the image folder")
    # Read, write, and name all files.
    dataset = labels_of(options.labels, options.image_dir, words)
    prefix = {} if options.image_prefix is None else {"image_prefix": options.image_prefix}
    export_annotations(dataset, output, options.format, **prefix)
    # Label Studio needs a second file, which describes the labeling interface.
    for extra in entry.outputs(output)[1:]:
        print(f"labeling interface of the project: {extra}")
    print(f"{options.labels} → {output}: {counted(len(dataset), 'image')}")


def labels_of(labels: str, image_dir: str | None, words: Sequence[str] = ()) -> "Dataset":
    """Return the rows of a folder that a run has written, or of an annotation file.

    Args:
        labels: folder or file.
        image_dir: folder of the images of an annotation file.
        words: `--KEY VALUE` options that control how an annotation file is read.
    """
    from ..data import load_annotations
    from ..data.formats.labelme import is_labelme
    from ..data.formats.sniffing import FileHead
    from ..runs.data import reading_options
    from ..runs.saved_rows import stored_rows

    # `datasets` leaves this file in every folder that it writes.
    if (Path(labels) / "dataset_info.json").is_file():
        if words:
            raise UserError(f"{words[0]} applies to annotation files only; {labels} is a dataset of a run")
        return stored_rows(Path(labels))
    if not Path(labels).exists():
        raise UserFileNotFoundError(f"{labels}: no such file or folder")
    if Path(labels).is_dir() and not is_labelme(FileHead.of(Path(labels))):
        raise UserError(
            f"{labels}: not a dataset folder; give pseudo/refined of a run, an annotation file (for YOLO: "
            "data.yaml), or a folder of LabelMe files"
        )
    # Only keys about reading have an effect here; others are refused.
    overrides = parse_overrides(words)
    unfit = [key for key in overrides if key.partition(".")[0] not in READING]
    if unfit:
        raise UserError(f"unknown option --{unfit[0]}; pointwssis export --help lists the options")
    # A recipe without data serves to parse and check the values.
    recipe = Recipe.from_values({}, overrides, "options")
    if image_dir is None:
        raise UserError(f"{labels}: holds annotations; give the folder of their images as --image_dir")
    return load_annotations(labels, image_dir, complete=recipe.complete, **reading_options(recipe))
