# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Draw the pictures of the docs from a run on nuclei: hero, animation, contact sheet, method and chart.

pointwssis run nuclei --data_dir data/nuclei --output_dir outputs/nuclei
python docs/make_pictures.py --data_dir data/nuclei --models outputs/nuclei --output_dir docs/images

`make pictures DATA=data/nuclei MODELS=outputs/nuclei` does the same. The images are from BBBC038v1 (CC0).
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import figures
import numpy as np
from PIL import Image, ImageOps
from transformers import pipeline

from pointwssis import load_coco_folder
from pointwssis.data import object_masks, read_image
from pointwssis.visualization.drawing import contact_sheet, draw_instances, draw_points, instance_colors

ENLARGEMENT = 4  # images are enlarged before they are segmented, so that outlines are smooth
CAPTIONS = ("image", "points", "rough masks", "refined masks", "ground truth")


@dataclass
class Scene:
    """One image with the objects to click on.

    Args:
        row: row of the schema.
        objects: positions of the objects in the row; None takes all.
    """

    row: dict[str, Any]
    objects: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        image = read_image(self.row)
        size = (image.width * ENLARGEMENT, image.height * ENLARGEMENT)
        self.source = image.resize(size, Image.Resampling.LANCZOS)
        # Dark images are brightened for the drawing only.
        self.image = ImageOps.autocontrast(self.source, cutoff=0.1, preserve_tone=True)
        chosen = range(len(self.row["objects"])) if self.objects is None else self.objects
        self.points = [[ENLARGEMENT * value for value in self.row["objects"][index]["point"]] for index in chosen]
        truth = object_masks(self.row)
        self.ground_truth = [self.enlarged(truth[index]) for index in chosen]
        self.colors = instance_colors(len(self.points))

    def enlarged(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask of the original image in the size of the enlarged one, with a smooth outline."""
        pixels = Image.fromarray(mask.astype(np.uint8) * 255).resize(self.image.size, Image.Resampling.BICUBIC)
        return np.asarray(pixels) > 127

    def segment(self, segmenter: Any, refiner: Any = None) -> list[dict[str, Any]]:
        """Return one instance per point."""
        return segmenter(self.source, points=self.points, refiner=refiner, mask_format="numpy")

    def draw(self, masks: list[np.ndarray], points: list[list[float]] | None = None) -> Image.Image:
        """Draw masks and points over the image."""
        options = {"opacity": 0.45, "min_side": 0, "outline_width": ENLARGEMENT}
        return draw_instances(self.image, masks, points=points, colors=self.colors[: len(masks)], **options)


def hero(scene: Scene, instances: list[dict[str, Any]]) -> Image.Image:
    """Return photo, clicks and masks side by side."""
    masks = scene.draw([instance["mask"] for instance in instances])
    clicks = figures.with_pointers(scene.image, scene.points, scene.colors)
    titles = [f"{instance['label']}  {instance['score']:.2f}" for instance in instances]
    masks = figures.with_labels(masks, scene.points, titles, scene.colors)
    return figures.side_by_side([scene.image, clicks, masks], ["photo", f"{len(instances)} clicks", "masks"])


def animation(scene: Scene, instances: list[dict[str, Any]]) -> tuple[list[Image.Image], list[int]]:
    """Return the frames of a session, one click after the other, and their durations in milliseconds."""
    masks = [instance["mask"] for instance in instances]
    frames, durations = [scene.image], [900]
    for count in range(len(masks)):
        before, after = scene.draw(masks[:count]), scene.draw(masks[: count + 1])
        for frame, duration in ((before, 350), (after, 450)):
            frames.append(figures.with_pointers(frame, [scene.points[count]], [scene.colors[count]]))
            durations.append(duration)
    return [*frames, scene.draw(masks)], [*durations, 2500]


def stages(scene: Scene, segmenter: Any, refiner: Any) -> list[Image.Image]:
    """Return image, points, rough masks, refined masks and ground truth of one image."""
    instances = scene.segment(segmenter, refiner)
    clicks = draw_points(scene.image, scene.points, scene.colors, min_side=0)
    masks = [[instance[key] for instance in instances] for key in ("rough_mask", "mask")]
    return [scene.image, clicks, *(scene.draw(each) for each in (*masks, scene.ground_truth))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="nuclei in COCO's layout")
    parser.add_argument("--models", type=Path, required=True, help="output_dir of `pointwssis run nuclei`")
    parser.add_argument("--output_dir", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    args.output_dir.mkdir(parents=True, exist_ok=True)

    rows = {row["file_name"]: row for row in load_coco_folder(args.data_dir)["validation"].with_format(None)}
    teacher = pipeline("point-instance-segmentation", model=str(args.models / "teacher"))
    refiner = str(args.models / "refiner")

    tissue = Scene(rows["c1afe66cd139f996.jpg"], (5, 10, 7))
    picture = hero(tissue, tissue.segment(teacher, refiner))
    picture.save(args.output_dir / "hero.webp", quality=88)

    cells = Scene(rows["6f8197baf738986a.jpg"], (16, 12, 19, 11, 17, 3, 4, 14))
    frames, durations = animation(cells, cells.segment(teacher, refiner))
    figures.save_gif(frames, durations, args.output_dir / "clicks.gif")

    sheet = [stages(Scene(rows[name]), teacher, refiner) for name in ("dbe5ad05b6f87018.jpg", "f4faa3a409014db1.jpg")]
    contact_sheet(sheet, CAPTIONS, cell_size=340).save(args.output_dir / "contact_sheet.webp", quality=85)
    figures.method(sheet[0]).save(args.output_dir / "method.webp", quality=90)
    figures.chart().save(args.output_dir / "chart.png")


if __name__ == "__main__":
    main()
