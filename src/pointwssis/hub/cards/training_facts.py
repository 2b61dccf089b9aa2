# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a run has recorded about one of its models, as a file beside the weights."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FACTS_FILE = "training_facts.json"
PARTS = {"teacher": "teacher", "refiner": "refiner", "student": "student", "upper_bound": "upper bound"}


@dataclass(frozen=True)
class TrainingFacts:
    """What a run knows of one of its models.

    Args:
        part: one of `PARTS`.
        model_type: "solov2" or "mask_refine_net".
        backbone: in words, such as "ResNet-50".
        classes: names, in order.
        data: `name` and `images` of the training data, `id` if it is a dataset of the Hub, `val_name` and `val_images`
            of the evaluation (None: there was none).
        labels: kind of label → images, of the whole training data.
        label_days: kind of label → days of labeling that they took, by the paper's arithmetic.
        learned_from: images with masks (`full`) and with pseudo labels (`pseudo`) that this model itself learned from,
            and how often the former came for each of the latter (`full_repeats`).
        training: `steps`, `batch_size`, `learning_rate`, `optimizer`, `precision`, `seed` and `image_size`; empty where
            there was nothing to learn from.
        start: what its weights were before, in words.
        base_model: Hub repository that they came from, "teacher" for the teacher of the same run, or None.
        metrics: on the evaluation images, fractions; None: not evaluated.
        max_detections: an image, of the evaluation.
        pseudo_labels: "rough" or "refined" → quality against the hidden masks, of which those that are known.
        recipe: keys that are not the default's, without paths.
        versions: package → version.
        repo: Hub repository that it was pushed to.
    """

    part: str
    model_type: str
    backbone: str
    classes: list[str]
    data: dict[str, Any]
    labels: dict[str, int]
    label_days: dict[str, float]
    learned_from: dict[str, int]
    training: dict[str, Any]
    start: str = "random weights"
    base_model: str | None = None
    metrics: dict[str, float | None] | None = None
    max_detections: int = 100
    pseudo_labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    repo: str | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "TrainingFacts":
        return cls(**json.loads((Path(folder) / FACTS_FILE).read_text(encoding="utf-8")))

    def save(self, folder: str | Path) -> None:
        write_if_changed(Path(folder) / FACTS_FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
