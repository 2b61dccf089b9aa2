# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Draw the pictures of the guides from the models of the demo.

pointwssis demo
python docs/guide_pictures.py --demo outputs/demo --output_dir docs/images/guides

`make pictures` does the same. The images are those of the package, from BBBC038v1 (CC0).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import figures
import torch
from make_pictures import BRIGHT, ENLARGEMENT, Scene
from PIL import Image
from transformers import pipeline

from pointwssis import load_coco_folder
from pointwssis.data import DEMO_NUCLEI
from pointwssis.ops.coco_masks import decode_rle
from pointwssis.ops.overlaps import settle_overlaps
from pointwssis.visualization.drawing import LEVEL_NAMES, draw_instances, draw_points

MASKED, CLICKED = "train_purple_stain_08.webp", "train_purple_stain_10.webp"
NEW, CROWDED = "val_purple_stain_01.webp", "val_purple_stain_03.webp"
SHOWN_SCORE = 0.3  # lowest score of a detection that is drawn
PICTURE_WIDTH = 1400


def save(panels: Sequence[Image.Image], captions: Sequence[str], path: Path, columns: int = 4) -> None:
    """Write panels with captions in rows, no wider than a page shows them."""
    starts = range(0, len(panels), columns)
    rows = [figures.side_by_side(panels[i : i + columns], captions[i : i + columns]) for i in starts]
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), figures.WHITE)
    for index, row in enumerate(rows):
        sheet.paste(row, (0, index * row.height))
    sheet.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH), Image.Resampling.LANCZOS)
    sheet.save(path, quality=85)


def zoomed(picture: Image.Image, point: Sequence[float], side: int) -> Image.Image:
    """Return a square part of an enlarged picture around a point of the original; `side` in pixels of the original."""
    width, height = (size // ENLARGEMENT for size in picture.size)
    left = int(min(max(0, point[0] - side / 2), width - side))
    top = int(min(max(0, point[1] - side / 2), height - side))
    box = (ENLARGEMENT * left, ENLARGEMENT * top, ENLARGEMENT * (left + side), ENLARGEMENT * (top + side))
    return picture.crop(box).resize((figures.HERO_WIDTH, figures.HERO_WIDTH))


def labels(masked: Scene, clicked: Scene) -> list[Image.Image]:
    """Return an image with all its masks, and one with a click on each object."""
    clicks = draw_points(clicked.image, clicked.points, clicked.colors, min_side=0)
    return [masked.image, masked.draw(masked.ground_truth), clicked.image, clicks]


def levels(scene: Scene, segmenter: Any, side: int) -> tuple[list[Image.Image], list[str]]:
    """Return the mask that each pyramid level makes of a click, and captions with the scores."""
    processor, model = segmenter.image_processor, segmenter.model
    encoded = processor([scene.source], return_tensors="pt")
    size = [(scene.source.height, scene.source.width)]
    points = [torch.tensor([scene.clicks[0]], dtype=torch.float64)]
    with torch.no_grad():
        outputs = model.encode(encoded["pixel_values"], encoded.get("pixel_mask"))
        found = processor.post_process_every_level(outputs, points, [torch.tensor([0])], size)[0]
    best = max(found, key=lambda one: one["score"])
    panels = [zoomed(draw_points(scene.image, scene.points[:1], scene.colors[:1], min_side=0), scene.clicks[0], side)]
    captions = ["click"]
    for one in found:
        drawn = scene.draw([scene.enlarged(one["mask"].numpy())])
        panels.append(zoomed(drawn, scene.clicks[0], side))
        chosen = ", chosen" if one is best else ""
        captions.append(f"{LEVEL_NAMES[one['level']]}: {one['score']:.2f}{chosen}")
    return panels, captions


def overlaps(scene: Scene, segmenter: Any) -> list[Image.Image]:
    """Return clicks, and rough masks before and after their overlaps are settled."""
    instances = segmenter(scene.source, points=scene.clicks, mask_format="rle")
    rough = [instance["mask"] for instance in instances]
    settled = settle_overlaps(rough, scene.clicks)
    clicks = draw_points(scene.image, scene.points, scene.colors, min_side=0)
    drawn = [scene.draw([scene.enlarged(decode_rle(mask)) for mask in masks]) for masks in (rough, settled)]
    return [clicks, *drawn]


def refinement(scene: Scene, segmenter: Any, refiner: str, side: int) -> list[Image.Image]:
    """Return a click, its rough mask, its refined mask, and the ground truth, around the click."""
    (instance,) = scene.segment(segmenter, refiner)
    clicks = draw_points(scene.image, scene.points, scene.colors, min_side=0)
    drawn = [scene.draw([mask]) for mask in (instance["rough_mask"], instance["mask"], scene.ground_truth[0])]
    return [zoomed(picture, scene.clicks[0], side) for picture in (clicks, *drawn)]


def prediction(scene: Scene, segmenter: Any) -> list[Image.Image]:
    """Return an image, what a model finds in it without clicks, and the ground truth."""
    found = segmenter(scene.source, threshold=SHOWN_SCORE, mask_format="numpy")
    masks = [scene.enlarged(instance["mask"]) for instance in found]
    drawn = draw_instances(scene.image, masks, opacity=0.5, min_side=0, outline_width=ENLARGEMENT + 2)
    return [scene.image, drawn, scene.draw(scene.ground_truth)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("outputs/demo"), help="output_dir of `pointwssis demo`")
    parser.add_argument("--output_dir", type=Path, default=Path("docs/images/guides"))
    args = parser.parse_args()
    args.output_dir.mkdir(parents=True, exist_ok=True)

    rows = {
        row["file_name"]: row for split in load_coco_folder(DEMO_NUCLEI).values() for row in split.with_format(None)
    }
    teacher = pipeline("point-instance-segmentation", model=str(args.demo / "teacher"))
    student = pipeline("point-instance-segmentation", model=str(args.demo / "student_refined"))
    refiner = str(args.demo / "refiner")

    panels = labels(Scene(rows[MASKED]), Scene(rows[CLICKED]))
    captions = ["a few images …", "… get masks", "all others …", "… get one click per nucleus"]
    save(panels, captions, args.output_dir / "labels.webp")
    save(*levels(Scene(rows[CROWDED], (3,), BRIGHT), teacher, side=96), args.output_dir / "levels.webp", columns=3)
    panels = refinement(Scene(rows[CROWDED], (7,), BRIGHT), teacher, refiner, side=96)
    captions = ["click", "rough mask", "refined mask", "ground truth"]
    save(panels, captions, args.output_dir / "refinement.webp")
    crowded = Scene(rows[CROWDED])
    save(overlaps(crowded, teacher), ["clicks", "rough masks", "settled"], args.output_dir / "overlaps.webp")
    panels = prediction(Scene(rows[NEW]), student)
    save(panels, ["new image", "student, no clicks", "ground truth"], args.output_dir / "prediction.webp")


if __name__ == "__main__":
    main()
