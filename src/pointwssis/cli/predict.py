# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict MODEL PATH…`: instances of images as COCO JSON, CSV, label images and overlays."""

import argparse
import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.images import read_image
from ..ops.points import point_from_mask
from ..ops.user_error import UserError, UserFileNotFoundError, as_user_error
from ..ops.wording import counted

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
EPILOG = """written to output_dir:
  instances.json   COCO annotations with masks (RLE), boxes, areas, scores, and the click of each instance
  instances.csv    one row per instance: image, class, score, area, box, center of mass
  labels/          one 16-bit image per input: 0 is background, n is the n-th instance
  overlays/        one PNG per input with the masks drawn on it

examples:
  pointwssis predict outputs/nuclei/student_refined images --threshold 0.4
  pointwssis predict me/nuclei photo.png --points clicks.csv --refiner me/nuclei-refiner"""
BF16_OF_DTYPE = {"float32": False, "bfloat16": True, "auto": None}
CSV_COLUMNS = ("image", "class", "score", "area", "x_min", "y_min", "width", "height", "center_x", "center_y")


def main(arguments: Sequence[str]) -> None:
    """Segment images and write the instances."""
    options = _parser().parse_args(arguments)
    # Imported after the options, so that the help does not wait for torch.
    import torch

    from ..models.inference import prepare_for_inference
    from ..models.saved_files import check_weights, naming_damaged_model
    from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
    from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
    from ..ops.bf16_speed import inference_dtype
    from ..ops.devices import best_device
    from ..pipelines import PointInstanceSegmentationPipeline
    from ..registration import register
    from .image_files import ImageFiles

    register()
    # Arguments, files and classes are checked before the weights are loaded.
    _check(options)
    files = image_files(options.paths)
    names = class_names(options.model)
    clicks = None
    if options.points is not None:
        from ..data.formats.click_table import read_click_table  # imports datasets, which images alone do not need

        clicks = read_click_table(options.points, files, names)
    # A pipeline in this process: its model is known to be a SOLOv2.
    device = best_device()
    check_weights(options.model)
    with naming_damaged_model(options.model):
        model = SOLOv2ForInstanceSegmentation.from_pretrained(options.model, dtype=torch.float32)
        processor = SOLOv2ImageProcessorPil.from_pretrained(options.model)
    pipe = PointInstanceSegmentationPipeline(
        model=prepare_for_inference(model, device, inference_dtype(device, BF16_OF_DTYPE[options.dtype])),
        image_processor=processor,
        refiner=options.refiner,
        device=device,
    )
    # Segment batch by batch, and write the pictures of each image at once.
    for folder in ("labels", "overlays"):
        with as_user_error(FileExistsError, NotADirectoryError, source="--output_dir"):
            (options.output_dir / folder).mkdir(parents=True, exist_ok=True)
    # COCO counts categories from 1.
    coco = Collected([{"id": index + 1, "name": name} for index, name in enumerate(names)])
    # Only paths enter the pipeline, which reads each image when its turn comes.
    loading = {"batch_size": options.batch_size, "num_workers": options.num_workers}
    found = pipe(ImageFiles(list(files), clicks), threshold=options.threshold, mask_format="rle", **loading)
    # Results come in the order of the files.
    for (path, file_name), name, instances in zip(files.items(), output_names(files), found, strict=True):
        image = read_image(path)
        coco.add(path, file_name, image, instances)
        write_pictures(image, instances, options.output_dir, name, options.label_format)
    coco.write(options.output_dir)
    found_text = f"{counted(len(coco.rows), 'instance')} in {counted(len(files), 'image')}"
    print(f"{found_text}: {options.output_dir}")


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="pointwssis predict",
        description="Segment images with a SOLOv2: all instances, or exactly one per click.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
    add = parser.add_argument
    # What to segment, and with what
    add("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    add("paths", metavar="PATH", nargs="+", help=f"images ({suffixes}), or folders, searched with their subfolders")
    # Where results go, and which instances are kept
    add("--output_dir", default="outputs/predictions", type=Path, help="folder for the results (%(default)s)")
    add("--threshold", default=0.3, type=float, help="minimum score of an instance, 0 to 1 (%(default)s)")
    # Clicks: one mask for each, whatever its score
    add("--points", type=Path, help="table of clicks: image, x, y and optionally label (CSV, TSV, JSON lines)")
    add("--refiner", help="MaskRefineNet that refines the masks of clicks: a folder, a Hub repository, or general")
    # Format and speed
    add("--label_format", default="png", choices=("png", "tiff"), help="format of the label images (%(default)s)")
    add("--batch_size", default=4, type=int, help="images per forward pass (%(default)s)")
    add("--num_workers", default=0, type=int, help="processes that read images ahead (%(default)s: none)")
    help_text = (
        "number format of the networks (%(default)s: the same masks on any machine); auto: bfloat16 where faster"
    )
    add("--dtype", default="float32", choices=tuple(BF16_OF_DTYPE), help=help_text)
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise a `UserError` for numbers out of range."""
    if not 0 <= options.threshold <= 1:
        raise UserError(f"--threshold is {options.threshold}; it must be between 0 and 1")
    if options.batch_size < 1:
        raise UserError(f"--batch_size is {options.batch_size}; it must be at least 1")
    if options.num_workers < 0:
        raise UserError(f"--num_workers is {options.num_workers}; it must be at least 0")


class Collected:
    """Instances of all images, collected into one COCO file and one table."""

    def __init__(self, categories: list[dict[str, Any]]):
        self.categories, self.rows = categories, []
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.ids = {category["name"]: category["id"] for category in categories}

    def add(self, path: Path, file_name: str, image: Image.Image, instances: Sequence[dict[str, Any]]) -> None:
        """Add the instances of one image.

        Args:
            path: path of the image, for the table.
            file_name: name of the image in the COCO file.
            image: the image itself.
            instances: as the pipeline returns them, with run-length encoded masks.
        """
        # Ids count from 1, over all images.
        image_id = len(self.images) + 1
        self.images.append({"id": image_id, "file_name": file_name, "width": image.width, "height": image.height})
        # Each instance: an annotation of the COCO file and a row of the table.
        for instance in instances:
            rle, label = instance["mask"], instance["label"]
            # Box and area follow from the mask; an empty mask has no center.
            box, area = rle_box(rle), rle_area(rle)
            center = point_from_mask(decode_rle(rle)) if area else (None, None)
            annotation = {
                "id": len(self.annotations) + 1,
                "image_id": image_id,
                "category_id": self.ids[label],
                "segmentation": rle,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "score": instance["score"],
            }
            # COCO has no field for clicks, so this one is added to it.
            if "point" in instance:
                annotation["point"] = instance["point"]
            self.annotations.append(annotation)
            self.rows.append([str(path), label, round(instance["score"], 4), area, *box, *center])

    def write(self, folder: Path) -> None:
        """Write `instances.json` and `instances.csv`."""
        content = {"images": self.images, "annotations": self.annotations, "categories": self.categories}
        (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
        with (folder / "instances.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([CSV_COLUMNS, *self.rows])


def write_pictures(
    image: Image.Image, instances: Sequence[dict[str, Any]], folder: Path, name: str, label_format: str
) -> None:
    """Write the label image (0 for background, one number per instance, the best on top) and the overlay."""
    from ..visualization.drawing import draw_instances

    masks = [decode_rle(instance["mask"]) for instance in instances]
    # Sixteen bits, since an image may show more than 255 instances.
    labels = np.zeros((image.height, image.width), dtype=np.uint16)
    for number in range(len(masks), 0, -1):  # the list begins with the best, which is drawn last
        labels[masks[number - 1]] = number
    Image.fromarray(labels).save(folder / "labels" / f"{name}.{label_format}")
    captions = [f"{instance['label']} {instance['score']:.2f}" for instance in instances]
    draw_instances(image, masks, captions).save(folder / "overlays" / f"{name}.png")


def class_names(model: str) -> list[str]:
    """Return the class names of a saved SOLOv2.

    Raises:
        UserFileNotFoundError: there is no such model.
        UserError: it is another kind of model, which transformers would load with random weights.
    """
    from transformers import AutoConfig

    from ..models.saved_files import naming_damaged_model

    try:
        with naming_damaged_model(model):
            config = AutoConfig.from_pretrained(model)
            names = [config.id2label[index] for index in range(config.num_labels)]
    except UserError:
        raise
    except (OSError, ValueError) as error:
        # The first line of a long message of transformers holds the reason.
        reason = str(error).splitlines()[0]
        raise UserFileNotFoundError(f"{model}: neither a model folder nor a model on the Hub ({reason})") from error
    if config.model_type != "solov2":
        raise UserError(f"{model}: is a {config.model_type} model; MODEL must be a SOLOv2")
    return names


def image_files(paths: Sequence[str]) -> dict[Path, str]:
    """Return the images among files and folders, in order, each with its name below the folder that all share.

    Raises:
        UserFileNotFoundError: a path does not exist, or a folder holds no image.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            # In folders only images count; a file that is named itself is taken as it is.
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
            if not inside:
                raise UserFileNotFoundError(f"{path}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserFileNotFoundError(f"{path}: no such image or folder")
    # Names relative to the shared folder stay distinct across subfolders.
    shared = os.path.commonpath([os.path.abspath(path if Path(path).is_dir() else Path(path).parent) for path in paths])
    return {file: Path(os.path.relpath(file, shared)).as_posix() for file in files}


def output_names(files: Iterable[Path]) -> Iterator[str]:
    """Yield the files' names without suffix; repeated names are numbered, so that nothing is overwritten.

    Example:
        >>> list(output_names([Path("a.png"), Path("sub/a.png"), Path("a_2.png")]))
        ['a', 'a_2', 'a_2_2']
    """
    used: set[str] = set()
    for file in files:
        # A numbered name may be taken by another file, so numbers are tried until one is free.
        name, number = file.stem, 1
        while name in used:
            number += 1
            name = f"{file.stem}_{number}"
        used.add(name)
        yield name
