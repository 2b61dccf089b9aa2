# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis convert`: the authors' checkpoints as folders or Hub repositories of this package."""

import argparse
from collections.abc import Sequence

from ..conversion.convert import Converted, convert_checkpoint
from ..conversion.solov2 import PRESETS
from ..hub.client import check_write_access, push_folder

EPILOG = """examples:
  pointwssis convert --checkpoint model_final.pth --output_dir teacher-coco10 --preset teacher
  pointwssis convert --checkpoint best_AP.pt --output_dir maskrefinenet-coco10
  pointwssis convert --checkpoint R-101.pkl --output_dir resnet-101-msra

A folder that is named like a released model (teacher-coco10) gets its preset and its card."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="pointwssis convert",
        description="Converts a SOLOv2, a MaskRefineNet or detectron2's ImageNet weights; the file tells which.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", required=True, help="model_final.pth, best_AP.pt or R-101.pkl")
    parser.add_argument("--output_dir", required=True, help="new folder for the model")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="grids and scale ranges of a SOLOv2")
    parser.add_argument("--labels", help="coco, bdd100k, or a text file with one class name a line")
    parser.add_argument("--push_to_hub", metavar="REPO", help="upload it, such as to me/teacher-coco10")
    options = parser.parse_args(arguments)

    if options.push_to_hub:
        check_write_access([options.push_to_hub])
    converted = convert_checkpoint(
        options.checkpoint, options.output_dir, options.preset, options.labels, options.push_to_hub
    )
    print(f"{options.checkpoint} → {options.output_dir}: {describe(converted)}")
    print("These weights remain those of whoever trained them; README.md in the folder says what is known of them.")
    if options.push_to_hub:
        print(f"uploaded: {push_folder(options.output_dir, options.push_to_hub)}")


def describe(converted: Converted) -> str:
    """What a file turned out to be, in a line."""
    if converted.kind == "backbone":
        return f"{converted.backbone}, a backbone for recipes (backbone_name_or_path)"
    names = ", ".join(converted.classes[:3])
    classes = f"{len(converted.classes)} classes ({names}{', …' if len(converted.classes) > 3 else ''})"
    if converted.kind == "maskrefinenet":
        return f"MaskRefineNet, {converted.backbone}, {classes}"
    grids = ", ".join(map(str, converted.model.config.num_grids))
    return f"SOLOv2, {converted.backbone}, {classes}, preset {converted.kind} (grids {grids})"
