# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict MODEL PATH…`: instances of images, in the forms that people go on working with."""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..data.images import read_image
from ..masks import decode_rle, rle_area, rle_box
from ..pipelines import PointInstanceSegmentationPipeline
from ..prompts import point_from_mask
from ..solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..visualization import draw_instances

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
CSV_COLUMNS = ("image", "class", "score", "area", "x_min", "y_min", "width", "height", "center_x", "center_y")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="pointwssis predict", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    parser.add_argument("paths", metavar="PATH", nargs="+", help="images or folders of images")
    parser.add_argument("--output_dir", default="outputs/predictions", type=Path)
    parser.add_argument("--threshold", default=0.3, type=float, help="lowest score of an instance (0 to 1)")
    parser.add_argument("--points", type=Path, help="CSV of clicks (image,x,y and maybe label): one instance a click")
    parser.add_argument("--refiner", help="folder or Hub repository of a MaskRefineNet, for clicks")
    parser.add_argument("--label_format", default="png", choices=("png", "tiff"), help="16-bit images of instance ids")
    parser.add_argument("--batch_size", default=4, type=int)
    options = parser.parse_args(arguments)

    files = image_files(options.paths)
    clicks = None if options.points is None else read_clicks(options.points, files)
    pipe = PointInstanceSegmentationPipeline(
        model=SOLOv2ForInstanceSegmentation.from_pretrained(options.model),
        image_processor=SOLOv2ImageProcessorPil.from_pretrained(options.model),
        refiner=options.refiner,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    for folder in ("labels", "overlays"):
        (options.output_dir / folder).mkdir(parents=True, exist_ok=True)
    names = pipe.model.config.id2label
    coco = Collected([{"id": index + 1, "name": names[index]} for index in range(len(names))])
    inputs = ({"image": str(path), **({} if clicks is None else clicks[path])} for path in files)
    found = pipe(inputs, threshold=options.threshold, mask_format="rle", batch_size=options.batch_size)
    for path, name, instances in zip(files, output_names(files), found, strict=True):
        coco.add(path, read_image(path), instances)
        write_pictures(read_image(path), instances, options.output_dir, name, options.label_format)
    coco.write(options.output_dir)
    print(f"{len(coco.rows)} instances on {len(files)} images: {options.output_dir}")


class Collected:
    """Instances of all images as one COCO file and one table."""

    def __init__(self, categories: list[dict[str, Any]]):
        self.categories, self.rows = categories, []
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.ids = {category["name"]: category["id"] for category in categories}

    def add(self, path: Path, image: Image.Image, instances: Sequence[dict[str, Any]]) -> None:
        """Takes the instances of one image, whose masks are RLEs."""
        image_id = len(self.images) + 1
        self.images.append({"id": image_id, "file_name": path.name, "width": image.width, "height": image.height})
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


def image_files(paths: Sequence[str]) -> list[Path]:
    """Files as given and the images of folders, in order.

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
    return files


def output_names(files: Sequence[Path]) -> Iterator[str]:
    """The files' names without suffix; a name that comes again is numbered, so that nothing is overwritten."""
    seen: dict[str, int] = {}
    for file in files:
        seen[file.stem] = seen.get(file.stem, 0) + 1
        yield file.stem if seen[file.stem] == 1 else f"{file.stem}_{seen[file.stem]}"


def read_clicks(path: Path, files: Sequence[Path]) -> dict[Path, dict[str, list[Any]]]:
    """Points and labels of each image out of a CSV with the columns image, x, y and maybe label.

    Raises:
        ValueError: a missing column, a number that is none, or an image that is not among `files`; names file and row.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of clicks")
    clicks: dict[Path, dict[str, list[Any]]] = {file: {"points": [], "labels": []} for file in files}
    by_name = {name: file for file in files for name in (str(file), file.name)}
    with path.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.DictReader(opened)
        missing = {"image", "x", "y"} - set(reader.fieldnames or [])
        if missing:
            raise ValueError(f"{path}: lacks the columns {', '.join(sorted(missing))}; a click is image,x,y[,label]")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if row["image"] not in by_name:
                raise ValueError(f"{where}: image {row['image']!r} is not among the images that are to be predicted")
            try:
                point = [float(row["x"]), float(row["y"])]
            except (TypeError, ValueError) as error:
                raise ValueError(f"{where}: x {row['x']!r} and y {row['y']!r} are to be numbers") from error
            found = clicks[by_name[row["image"]]]
            found["points"].append(point)
            found["labels"].append(row.get("label") or None)
    return clicks
