# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The training facts of one model of a run, stored beside its weights."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...ops.whole_files import read_json, write_text

FACTS_FILE = "training_facts.json"
PARTS = {
    "teacher": "teacher",
    "refiner": "refiner",
    "control": "control",
    "student": "student",
    "upper_bound": "upper bound",
}


@dataclass(frozen=True)
class TrainingFacts:
    """The record of one model of a run.

    Args:
        part: one of `PARTS`.
        model_type: "solov2" or "mask_refine_net".
        backbone: backbone in words, such as "ResNet-50".
        class_names: class names, in the order of their indices.
        data: `name` and `images` of the training data, `id` for a dataset of the Hub, `val_name` and `val_images` of
            the evaluation data (absent without an evaluation).
        labels: kind of label → images, of all training data of the run.
        label_days: kind of label → estimated days of labeling, by the figures of the paper.
        learned_from: images with masks (`full`) and with pseudo labels (`pseudo`) that this model was trained on, and
            the repetitions of the former per epoch (`full_repeats`).
        training: `steps`, `batch_size`, `learning_rate`, `optimizer`, `precision`, `seed`, `image_size` and
            `tile_size`; empty for a model that was not trained.
        start: initial weights, in words.
        base_model: Hub repository of the initial weights, "teacher" for the teacher of the same run, or None.
        metrics: metrics on the evaluation images, fractions from 0 to 1; None: not evaluated.
        max_detections: detections per image in the evaluation.
        pseudo_labels: "rough" or "refined" → quality compared with the hidden masks, where it is known.
        recipe: settings that differ from the defaults, without paths.
        versions: package → version.
        repo: Hub repository to which the model was pushed.
    """

    part: str
    model_type: str
    backbone: str
    class_names: list[str]
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
        """Load the facts of a trained folder."""
        return cls(**read_json(Path(folder) / FACTS_FILE))

    def save(self, folder: str | Path) -> None:
        """Save the facts beside the weights."""
        write_text(Path(folder) / FACTS_FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
