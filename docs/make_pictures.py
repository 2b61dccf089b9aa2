# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Draw the pictures of the docs from a run on nuclei and from the demo.

pointwssis run nuclei --data_dir data/nuclei --output_dir outputs/nuclei
pointwssis demo
python docs/make_pictures.py --data_dir data/nuclei --models outputs/nuclei --demo outputs/demo --output_dir docs/images

`make pictures DATA=data/nuclei MODELS=outputs/nuclei` does the same. The images are from BBBC038v1 (CC0).
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import figures
import numpy as np
from PIL import Image, ImageOps
from transformers import pipeline

from pointwssis import load_coco_folder
from pointwssis.data import DEMO_NUCLEI, object_masks, read_image
from pointwssis.visualization.drawing import contact_sheet, draw_instances, draw_points, instance_colors

ENLARGEMENT = 4  # images and masks are drawn larger than they are
BRIGHT = (
    (255, 196, 0), (0, 205, 255), (120, 230, 90), (255, 110, 80), (200, 130, 255),
    (255, 150, 200), (60, 140, 255), (0, 210, 170), (255, 140, 0), (190, 230, 60),
)  # fmt: skip
SHEET = ("86f9087eb1d0875f.jpg", "be26966900aa0e5b.jpg", "589f86dee5b480a8.jpg")
README_CODE = ("val_lilac_stain_05.webp", ((50, 126), (22, 58), (141, 95)))  # image and clicks of README.md
CAPTIONS = ("image", "points", "rough masks", "refined masks", "ground truth")


@dataclass
class Scene:
    """One image with the places to click on.

    Args:
        row: row of the schema.
        objects: positions of the clicked objects in the row; None clicks on all of them.
        colors: one color per click; None takes those of `instance_colors`.
        clicks: (x, y) in pixels of the image; None clicks on the points of the objects.
    """

    row: dict[str, Any]
    objects: Sequence[int] | None = None
    colors: Sequence[figures.Color] | None = None
    clicks: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        self.source = read_image(self.row)
        size = (self.source.width * ENLARGEMENT, self.source.height * ENLARGEMENT)
        enlarged = self.source.resize(size, Image.Resampling.LANCZOS)
        # Dark images are brightened for the drawing only.
        is_dark = np.asarray(enlarged).mean() < 80
        self.image = ImageOps.autocontrast(enlarged, cutoff=0.1, preserve_tone=True) if is_dark else enlarged
        chosen = range(len(self.row["objects"])) if self.objects is None else self.objects
        if self.clicks is None:
            self.clicks = [self.row["objects"][position]["point"] for position in chosen]
        self.points = [[ENLARGEMENT * (value + 0.5) for value in click] for click in self.clicks]
        self.ground_truth = [self.enlarged(object_masks(self.row)[position]) for position in chosen]
        self.colors = (self.colors or instance_colors(len(self.points)))[: len(self.points)]

    def enlarged(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask of the original image in the size of the enlarged one, with a smooth outline."""
        pixels = Image.fromarray(mask.astype(np.uint8) * 255).resize(self.image.size, Image.Resampling.BICUBIC)
        return np.asarray(pixels) > 127

    def segment(self, segmenter: Any, refiner: str | None = None) -> list[dict[str, Any]]:
        """Return one instance per click, with enlarged masks."""
        instances = segmenter(self.source, points=self.clicks, refiner=refiner, mask_format="numpy")
        for instance in instances:
            instance |= {key: self.enlarged(instance[key]) for key in ("mask", "rough_mask") if key in instance}
        return instances

    def draw(self, masks: Sequence[np.ndarray]) -> Image.Image:
        """Draw the masks of the first clicks over the image."""
        options = {"opacity": 0.5, "min_side": 0, "outline_width": ENLARGEMENT + 2}
        return draw_instances(self.image, masks, colors=self.colors[: len(masks)], **options)


def clicks_and_masks(scene: Scene, instances: list[dict[str, Any]]) -> list[Image.Image]:
    """Return the image with mouse pointers, and with masks and their scores."""
    masks = [instance["mask"] for instance in instances]
    bottoms = [(x, np.flatnonzero(mask.any(axis=1))[-1]) for (x, _), mask in zip(scene.points, masks, strict=True)]
    labels = [f"{instance['label']} {instance['score']:.2f}" for instance in instances]
    clicks = figures.with_pointers(scene.image, scene.points, scene.colors)
    return [clicks, figures.with_labels(scene.draw(masks), bottoms, labels, scene.colors)]


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
    parser.add_argument("--demo", type=Path, default=Path("outputs/demo"), help="output_dir of `pointwssis demo`")
    parser.add_argument("--output_dir", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    args.output_dir.mkdir(parents=True, exist_ok=True)

    # Images of which the run saw only points, and images that it did not see at all.
    data = load_coco_folder(args.data_dir)
    rows = {row["file_name"]: row for split in data.values() for row in split.with_format(None)}
    teacher = pipeline("point-instance-segmentation", model=str(args.models / "teacher"))
    refiner = str(args.models / "refiner")

    tissue = Scene(rows["4d4f254f3b8b4408.jpg"], (9, 1, 2), BRIGHT)
    panels = [tissue.image, *clicks_and_masks(tissue, tissue.segment(teacher))]
    figures.side_by_side(panels, ["photo", "three clicks", "masks"]).save(args.output_dir / "hero.webp", quality=88)

    # The picture of the code in README, by the models of the demo.
    name, clicks = README_CODE
    shown = next(
        row for row in load_coco_folder(DEMO_NUCLEI)["validation"].with_format(None) if row["file_name"] == name
    )
    student = pipeline("point-instance-segmentation", model=str(args.demo / "student_refined"))
    code = Scene(shown, (), BRIGHT, clicks)
    panels = clicks_and_masks(code, code.segment(student, str(args.demo / "refiner")))
    figures.side_by_side(panels, ["points", "masks"]).save(args.output_dir / "code.webp", quality=88)

    session = Scene(rows["86f9087eb1d0875f.jpg"], (17, 1, 4, 15, 9, 11, 0, 7, 19, 10), BRIGHT)
    frames, durations = animation(session, session.segment(teacher, refiner))
    figures.save_gif(frames, durations, args.output_dir / "clicks.gif")

    sheet = [stages(Scene(rows[name]), teacher, refiner) for name in SHEET]
    contact_sheet(sheet, CAPTIONS, cell_size=340).save(args.output_dir / "contact_sheet.webp", quality=85)
    figures.method(sheet[0]).save(args.output_dir / "method.webp", quality=90)
    figures.chart().save(args.output_dir / "chart.png")


if __name__ == "__main__":
    main()
