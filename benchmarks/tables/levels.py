# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Table 2: the pyramid level of each point, chosen in five ways."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from pointwssis.data import objects_with_mask, read_image
from pointwssis.evaluation.hotcoco_evaluator import coco_evaluator
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.ops.coco_masks import rle_box
from pointwssis.ops.devices import best_device
from pointwssis.ops.rle import encode_mask

Metrics = dict[str, float | None]
STRATEGIES = ("finest", "every_level", "confidence", "adaptive", "size")


class LevelDecoder:
    """A SOLOv2 that decodes the points of an image in all `STRATEGIES`.

    Args:
        folder: folder of the model.
    """

    def __init__(self, folder: Path):
        self.device = best_device()
        self.model = SOLOv2ForInstanceSegmentation.from_pretrained(folder).to(self.device).eval()
        self.processor = SOLOv2ImageProcessorPil.from_pretrained(folder)

    @torch.no_grad()
    def __call__(self, row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Return strategy → instances of the objects of a row, which have masks and points.

        The instances are those of the image processor; "every_level" has five per object.
        """
        image, objects = read_image(row), objects_with_mask(row)
        encoded = self.processor([image], return_tensors="pt").to(self.device)
        outputs = self.model.encode(encoded["pixel_values"], encoded.get("pixel_mask"))
        # Points and classes are given, boxes serve the strategy "size" only.
        points = [torch.tensor([item["point"] for item in objects], dtype=torch.float64).reshape(-1, 2)]
        labels = [torch.tensor([item["category"] for item in objects], dtype=torch.long)]
        sizes, boxes = [(image.height, image.width)], [[xyxy(item) for item in objects]]
        plain = DecodingSettings.of(self.model.config)
        combined = replace(plain, level_score="confidence_times_maskness")
        confident = replace(plain, level_score="confidence")

        def decode(settings: DecodingSettings, strategy: str, **options: Any) -> list[dict[str, Any]]:
            return self.processor.decode_checked_points(
                outputs, points, labels, sizes, settings, level_strategy=strategy, **options
            )[0]

        return {
            "finest": decode(combined, "finest"),
            "every_level": self.processor.post_process_every_level(outputs, points, labels, sizes)[0],
            "confidence": decode(confident, "adaptive"),
            "adaptive": decode(combined, "adaptive"),
            "size": decode(combined, "size", boxes=boxes),
        }


def measure_levels(rows: Dataset, folder: Path, max_detections: int) -> dict[str, Metrics]:
    """Return strategy → AP, AP50 and AR of the masks that a SOLOv2 makes of the points of some images.

    Each image is decoded alone, and overlaps stay, as in the paper.

    Args:
        rows: images with masks, which the masks of the points are compared with.
        folder: folder of the model.
        max_detections: limit of detections per image and class.
    """
    decoder = LevelDecoder(folder)
    # Five masks per point need a higher limit, under which AP counts them all.
    limits = {name: (5 if name == "every_level" else 1) * max_detections for name in STRATEGIES}
    evaluators = {name: coco_evaluator(rows, sorted({100, limits[name]})) for name in STRATEGIES}
    for row in rows.with_format(None):
        found = decoder(row) if objects_with_mask(row) else dict.fromkeys(STRATEGIES, ())
        for name, evaluator in evaluators.items():
            evaluator.update(row["image_id"], predictions(found[name]))
    metrics = {name: evaluator.compute() for name, evaluator in evaluators.items()}
    return {name: {key: values[key] for key in ("AP", "AP50", "AR100")} for name, values in metrics.items()}


def predictions(instances: Any) -> Iterator[dict[str, Any]]:
    """Yield the instances that have a mask, as the evaluator takes them."""
    for instance in instances:
        if instance["mask"].any():
            yield {"label": instance["label_id"], "score": instance["score"], "rle": encode_mask(instance["mask"])}


def xyxy(item: dict[str, Any]) -> list[float]:
    """Return the box of an object's mask, (x_min, y_min, x_max, y_max)."""
    x, y, width, height = rle_box(item["segmentation"])
    return [x, y, x + width, y + height]
