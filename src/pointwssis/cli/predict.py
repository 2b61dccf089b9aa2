# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict MODEL PATH…`: instances of images, in the forms that people go on working with."""

import argparse
import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoConfig

from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.images import read_image
from ..ops.points import point_from_mask
from ..pipelines import PointInstanceSegmentationPipeline
from ..visualization.drawing import draw_instances

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
CSV_COLUMNS = ("image", "class", "score", "area", "x_min", "y_min", "width", "height", "center_x", "center_y")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="pointwssis predict", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    parser.add_argument("paths", metavar="PATH", nargs="+", help="images or folders of images")
    parser.add_argument("--output_dir", default="outputs/predictions", type=Path)
    parser.add_argument("--threshold", default=0.3, type=float, help="lowest score of an instance (0 to 1)")
    parser.add_argument(
        "--points",
        type=Path,
        help="table of clicks (image,x,y and optionally label; CSV, TSV or JSON lines): one instance per click",
    )
    parser.add_argument("--refiner", help="folder or Hub repository of a MaskRefineNet, for clicks")
    parser.add_argument("--label_format", default="png", choices=("png", "tiff"), help="16-bit images of instance ids")
    parser.add_argument("--batch_size", default=4, type=int)
    options = parser.parse_args(arguments)

    files = image_files(options.paths)
    names = class_names(options.model)
    clicks = None
    if options.points is not None:
        from ..data.formats.click_table import read_click_table  # imports datasets, which images alone do not need

        clicks = read_click_table(options.points, files, names)
    pipe = PointInstanceSegmentationPipeline(
        model=SOLOv2ForInstanceSegmentation.from_pretrained(options.model),
        image_processor=SOLOv2ImageProcessorPil.from_pretrained(options.model),
        refiner=options.refiner,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    for folder in ("labels", "overlays"):
        (options.output_dir / folder).mkdir(parents=True, exist_ok=True)
    coco = Collected([{"id": index + 1, "name": name} for index, name in enumerate(names)])
    inputs = ({"image": str(path), **({} if clicks is None else vars(clicks[path]))} for path in files)
    found = pipe(inputs, threshold=options.threshold, mask_format="rle", batch_size=options.batch_size)
    for (path, file_name), name, instances in zip(files.items(), output_names(files), found, strict=True):
        image = read_image(path)
        coco.add(path, file_name, image, instances)
        write_pictures(image, instances, options.output_dir, name, options.label_format)
    coco.write(options.output_dir)
    print(f"{len(coco.rows)} instances on {len(files)} images: {options.output_dir}")


class Collected:
    """Instances of all images as one COCO file and one table."""

    def __init__(self, categories: list[dict[str, Any]]):
        self.categories, self.rows = categories, []
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.ids = {category["name"]: category["id"] for category in categories}

    def add(self, path: Path, file_name: str, image: Image.Image, instances: Sequence[dict[str, Any]]) -> None:
        """Takes the instances of one image, whose masks are RLEs."""
        image_id = len(self.images) + 1
        self.images.append({"id": image_id, "file_name": file_name, "width": image.width, "height": image.height})
        for instance in instances:
            rle, label = instance["mask"], instance["label"]
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
            if "point" in instance:
                annotation["point"] = instance["point"]
            self.annotations.append(annotation)
            self.rows.append([str(path), label, round(instance["score"], 4), area, *box, *center])

    def write(self, folder: Path) -> None:
        """Writes `instances.json` and `instances.csv`."""
        content = {"images": self.images, "annotations": self.annotations, "categories": self.categories}
        (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
        with (folder / "instances.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([CSV_COLUMNS, *self.rows])


def write_pictures(
    image: Image.Image, instances: Sequence[dict[str, Any]], folder: Path, name: str, label_format: str
) -> None:
    """Writes the label image (0 background, then one number an instance, best on top) and the overlay."""
    masks = [decode_rle(instance["mask"]) for instance in instances]
    labels = np.zeros((image.height, image.width), dtype=np.uint16)
    for number in range(len(masks), 0, -1):  # the best come first and so are drawn last
        labels[masks[number - 1]] = number
    Image.fromarray(labels).save(folder / "labels" / f"{name}.{label_format}")
    captions = [f"{instance['label']} {instance['score']:.2f}" for instance in instances]
    draw_instances(image, masks, captions).save(folder / "overlays" / f"{name}.png")


def class_names(model: str) -> list[str]:
    """Classes of a saved SOLOv2.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it is another model; transformers would load it with fresh weights.
    """
    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{model}: is neither the folder of a model nor one that the Hub gives ({str(error).splitlines()[0]})"
        ) from error
    if config.model_type != "solov2":
        raise ValueError(f"{model}: is a {config.model_type} model; MODEL takes a SOLOv2")
    return [config.id2label[index] for index in range(config.num_labels)]


def image_files(paths: Sequence[str]) -> dict[Path, str]:
    """Files as given and the images of folders, in order, each with its name below the folder that they share.

    Raises:
        FileNotFoundError: a path that does not exist, or a folder without an image.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
            if not inside:
                raise FileNotFoundError(f"{path}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(f"{path}: no such image or folder")
    shared = os.path.commonpath([os.path.abspath(path if Path(path).is_dir() else Path(path).parent) for path in paths])
    return {file: Path(os.path.relpath(file, shared)).as_posix() for file in files}


def output_names(files: Iterable[Path]) -> Iterator[str]:
    """The files' names without suffix; a name that comes again is numbered, so that nothing is overwritten.

    Example:
        >>> list(output_names([Path("a.png"), Path("sub/a.png"), Path("a_2.png")]))
        ['a', 'a_2', 'a_2_2']
    """
    used: set[str] = set()
    for file in files:
        name, number = file.stem, 1
        while name in used:
            number += 1
            name = f"{file.stem}_{number}"
        used.add(name)
        yield name
