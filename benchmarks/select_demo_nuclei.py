# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Select the images of `pointwssis demo` from the nuclei of the 2018 Data Science Bowl (BBBC038v1, CC0).

python benchmarks/select_demo_nuclei.py data/nuclei src/pointwssis/data/demo_nuclei

The input is a folder in COCO's layout whose image records have a `modality`. Training images come from its training
annotations, validation images from its validation annotations. Images are drawn at random per kind of microscopy, with
a fixed seed; from each the square window with the most whole nuclei is cut out, seven median nucleus sizes wide, and
scaled to one size. Fluorescence is stretched to the full range of brightness.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_area, rle_box

SIDE = 256  # pixels, of the written images
NUCLEI_ACROSS = 7  # side of a window / median size of its nuclei
MIN_WINDOW, MAX_WINDOW = 100, 256  # pixels of the original image
MIN_NUCLEI = 4  # whole nuclei in a window
MIN_FRAGMENT = 40  # pixels of the written image; smaller parts at the border of a window are dropped
MIN_SIZE = 9.0  # pixels of the original image, median per image
QUALITY = 92  # of the WebP files
SEED = 1

# Images per kind for training and validation
KINDS = {
    "fluorescence_large": (44, 9),
    "fluorescence_small": (44, 9),
    "lilac_stain": (30, 6),
    "purple_stain": (22, 5),
    "pink_stain": (4, 0),
    "brightfield": (13, 3),
}
LICENSE = {"id": 1, "name": "CC0 1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}

Record = dict[str, Any]


def kind_of(record: Record, pixels: np.ndarray, size: float) -> str | None:
    """Return the kind of microscopy of an image, a key of `KINDS`, or None if its nuclei are too small.

    Args:
        record: image record with `modality`.
        pixels: (H, W, 3) uint8.
        size: median square root of the areas of its nuclei, in pixels.
    """
    if record["modality"] == "fluorescence":
        # The smallest ones would be enlarged too much.
        return None if size < 14 else "fluorescence_small" if size < 28 else "fluorescence_large"
    if size < MIN_SIZE:
        return None
    if record["modality"] == "brightfield":
        return "brightfield"
    # Stains differ in the color of the background, which is the median color.
    red, green, blue = np.median(pixels.reshape(-1, 3), axis=0)
    return "purple_stain" if green > 185 else "pink_stain" if red > blue else "lilac_stain"


def best_window(boxes: np.ndarray, width: int, height: int, side: int) -> tuple[int, int, int]:
    """Return left, top and number of whole boxes of the square window that holds the most whole boxes.

    Args:
        boxes: (n, 4), COCO's x, y, width, height in pixels.
        width: width of the image in pixels.
        height: height of the image in pixels.
        side: side of the window in pixels.
    """
    best = (0, 0, -1)
    for top in range(0, height - side + 1, 4):
        for left in range(0, width - side + 1, 4):
            starts_inside = (boxes[:, 0] >= left) & (boxes[:, 1] >= top)
            ends_inside = (boxes[:, :2] + boxes[:, 2:] <= (left + side, top + side)).all(axis=1)
            count = int((starts_inside & ends_inside).sum())
            if count > best[2]:
                best = (left, top, count)
    return best


def cut_out(image: Image.Image, masks: list[np.ndarray], box: tuple[int, int, int, int]) -> tuple[Image.Image, list]:
    """Return a window of an image and of its masks, scaled to `SIDE`; masks that leave hardly anything are dropped."""
    window = image.crop(box).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    kept = []
    for mask in masks:
        # Linear interpolation and a threshold at one half keep outlines smooth.
        part = Image.fromarray(mask.astype(np.uint8) * 255).crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        scaled = np.asarray(part) >= 128
        if scaled.sum() >= MIN_FRAGMENT:
            kept.append(scaled)
    return window, kept


def stretched(image: Image.Image) -> Image.Image:
    """Return an image whose brightness covers the full range, as microscopy software displays it."""
    pixels = np.asarray(image, dtype=np.float32)
    low, high = np.percentile(pixels, (1, 99.8))
    return Image.fromarray(((pixels - low) / max(high - low, 1) * 245).round().clip(0, 255).astype(np.uint8))


def candidates(source: Path, content: Record) -> dict[str, list[tuple[Record, Image.Image, list[Record]]]]:
    """Return kind → image records with their images and annotations, in the order of their file names."""
    annotations = defaultdict(list)
    for annotation in content["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    found = defaultdict(list)
    for record in sorted(content["images"], key=lambda record: record["file_name"]):
        image = Image.open(source / "images" / record["file_name"]).convert("RGB")
        own = annotations[record["id"]]
        if own:
            size = float(np.median([annotation["area"] ** 0.5 for annotation in own]))
            found[kind_of(record, np.asarray(image), size)].append((record, image, own))
    return found


def selected(source: Path, content: Record, split: str) -> list[tuple[str, str, Image.Image, list[np.ndarray]]]:
    """Return the file name, the name of the source, the image and the masks of each chosen window of a split."""
    chosen, found = [], candidates(source, content)
    for kind, numbers in KINDS.items():
        images, wanted = found[kind], numbers[split == "val"]
        windows: list[tuple[str, str, Image.Image, list[np.ndarray]]] = []
        # Images come in random order; those without enough whole nuclei are passed over.
        for place in np.random.default_rng(SEED).permutation(len(images)):
            record, image, own = images[place]
            size = float(np.median([annotation["area"] ** 0.5 for annotation in own]))
            side = min(max(round(NUCLEI_ACROSS * size), MIN_WINDOW), MAX_WINDOW, *image.size)
            left, top, count = best_window(np.array([annotation["bbox"] for annotation in own]), *image.size, side)
            if len(windows) == wanted or count < MIN_NUCLEI:
                continue
            masks = [decode_rle(annotation["segmentation"]) for annotation in own]
            window, masks = cut_out(image, masks, (left, top, left + side, top + side))
            window = stretched(window) if kind.startswith("fluorescence") else window
            windows.append((f"{split}_{kind}_{len(windows) + 1:02d}.webp", record["file_name"], window, masks))
        chosen += windows
    return chosen


def lines_of(header: Record, images: list[Record], annotations: list[Record]) -> str:
    """Return a COCO file with one line per image, and one line with all annotations of an image."""
    own = defaultdict(list)
    for annotation in annotations:
        own[annotation["image_id"]].append(compact(annotation))
    start = ",\n".join(f'"{key}":{compact(value)}' for key, value in header.items())
    image_lines = ",\n".join(compact(image) for image in images)
    annotation_lines = ",\n".join(",".join(records) for records in own.values())
    return f'{{{start},\n"images":[\n{image_lines}\n],\n"annotations":[\n{annotation_lines}\n]}}\n'


def compact(value: Any) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path, help="folder in COCO's layout")
    parser.add_argument("target", type=Path, help="folder to write, in COCO's layout")
    options = parser.parse_args()
    for folder in ("images", "annotations"):
        (options.target / folder).mkdir(parents=True, exist_ok=True)

    image_id = annotation_id = 0
    for split in ("train", "val"):
        content = json.loads((options.source / "annotations" / f"instances_{split}.json").read_text("utf-8"))
        images, annotations = [], []
        for name, source_name, image, masks in selected(options.source, content, split):
            image_id += 1
            image.save(options.target / "images" / name, quality=QUALITY, method=6)
            record = {"id": image_id, "file_name": name, "width": SIDE, "height": SIDE, "license": 1}
            images.append({**record, "source_file_name": source_name})
            for mask in masks:
                annotation_id += 1
                rle = encode_mask(mask)
                annotation = {"id": annotation_id, "image_id": image_id, "category_id": 1, "iscrowd": 0}
                annotations.append({**annotation, "area": rle_area(rle), "bbox": rle_box(rle), "segmentation": rle})
        # Only what this package reads; the licence lies beside the files.
        info = {"description": "Windows of BBBC038v1 for the demo of pointwssis", "license": "CC0-1.0"}
        categories = [{"id": 1, "name": "nucleus", "supercategory": "cell"}]
        header = {"info": info, "licenses": [LICENSE], "categories": categories}
        path = options.target / "annotations" / f"instances_{split}.json"
        path.write_text(lines_of(header, images, annotations), encoding="utf-8")
        print(f"{path}: {len(images)} images, {len(annotations)} nuclei")


if __name__ == "__main__":
    main()
