# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis convert`: the authors' checkpoints as folders or Hub repositories of this package."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ops.wording import counted

if TYPE_CHECKING:
    from ..conversion.convert import Converted

EPILOG = """examples:
  pointwssis convert --checkpoint model_final.pth --output_dir teacher-coco10 --preset teacher
  pointwssis convert --checkpoint best_AP.pt --output_dir maskrefinenet-coco10
  pointwssis convert --checkpoint R-101.pkl --output_dir resnet-101-msra

A folder with the name of a released model (teacher-coco10) gets the preset and the card of that model."""
CLASSES_SHOWN = 3
PRESET_NAMES = ("student", "teacher")  # those of `conversion.solov2.PRESETS`, which takes torch to import


def main(arguments: Sequence[str]) -> None:
    """Convert one checkpoint, and upload the result if asked to."""
    parser = argparse.ArgumentParser(
        prog="pointwssis convert",
        description="Convert a SOLOv2, a MaskRefineNet or detectron2's ImageNet weights; the kind is detected.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", required=True, help="model_final.pth, best_AP.pt or R-101.pkl")
    parser.add_argument("--output_dir", required=True, help="new folder for the model")
    parser.add_argument("--preset", choices=PRESET_NAMES, help="grids and scale ranges of a SOLOv2")
    parser.add_argument("--labels", help="coco, bdd100k, or a text file with one class name per line")
    parser.add_argument("--push_to_hub", metavar="REPO", help="upload the model, such as to me/teacher-coco10")
    options = parser.parse_args(arguments)

    # Imported after the options, so that the help does not wait for torch.
    from ..conversion.convert import convert_checkpoint
    from ..hub.client import check_write_access, push_folder
    from ..registration import register

    register()
    # A missing permission is reported before the conversion, not after it.
    if options.push_to_hub:
        check_write_access([options.push_to_hub])
    converted = convert_checkpoint(
        options.checkpoint, options.output_dir, options.preset, options.labels, options.push_to_hub
    )
    print(f"{options.checkpoint} → {options.output_dir}: {describe(converted)}")
    print("The weights remain those of their authors, under their terms; README.md in the folder states their origin.")
    # Upload the complete folder.
    if options.push_to_hub:
        print(f"uploaded: {push_folder(options.output_dir, options.push_to_hub)}")


def describe(converted: "Converted") -> str:
    """Return the architecture and the classes of a converted model in one line."""
    # A backbone has no classes.
    if converted.kind == "backbone":
        return f"{converted.backbone}, a backbone for recipes (backbone_name_or_path)"
    names = ", ".join(converted.class_names[:CLASSES_SHOWN])
    more = ", …" if len(converted.class_names) > CLASSES_SHOWN else ""
    classes = f"{counted(len(converted.class_names), 'class', 'classes')} ({names}{more})"
    if converted.kind == "maskrefinenet":
        return f"MaskRefineNet, {converted.backbone}, {classes}"
    # The grids tell teacher and student apart.
    grids = ", ".join(map(str, converted.model.config.num_grids))
    return f"SOLOv2, {converted.backbone}, {classes}, preset {converted.kind} (grids {grids})"
