# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pictures of a training: what the model predicts on the way, and the pseudo labels it learns from."""

from typing import TYPE_CHECKING, Any

from datasets import Dataset
from PIL import Image
from transformers import TrainerCallback

from ..data.schema import objects_with_mask
from ..ops.images import read_image
from ..visualization.drawing import PANEL_TITLES, contact_sheet, draw_instances, pseudo_label_panels
from .picture_reports import picture_reports
from .row_datasets import wrap_eval_rows

if TYPE_CHECKING:
    from .trainer import SegmentationTrainer

NUM_IMAGES = 4
NUM_TIMES = 5  # predictions are shown after each fifth of the steps
MIN_SCORE = 0.3  # of the predictions that are drawn


class PictureCallback(TrainerCallback):
    """Show predictions of a SOLOv2 after each fifth of its steps, and pseudo labels at the start.

    Pictures go to all open reports of the training that take them (`picture_reports`); without one, nothing is drawn.

    Args:
        trainer: trainer of the model.
        samples: rows with masks, of which some are predicted.
        labels: rows with pseudo labels, of which some are shown.
    """

    def __init__(self, trainer: "SegmentationTrainer", samples: Dataset, labels: Dataset | None = None):
        self.trainer = trainer
        self.samples = _some(samples)
        self.labels = None if labels is None else _some(labels)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        reports = picture_reports(self.trainer)
        if self.labels is None or not len(self.labels) or not reports:
            return
        # The last panel is the ground truth, which the training does not know.
        panels = (pseudo_label_panels(row)[:-1] for row in self.labels)
        titles = [row["file_name"] for row in self.labels]
        sheet = contact_sheet(panels, PANEL_TITLES[:-1], titles)
        for report in reports:
            report("pseudo_labels", sheet, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        due = {max(1, round(state.max_steps * time / NUM_TIMES)) for time in range(1, NUM_TIMES + 1)}
        reports = picture_reports(self.trainer)
        if state.global_step in due and len(self.samples) and reports:
            predicted = self._predicted()
            for report in reports:
                report("predictions", predicted, state.global_step)

    def _predicted(self) -> Image.Image:
        """Return image, predictions and ground truth of the samples, one image per row."""
        trainer, model = self.trainer, self.trainer.model
        dataset = wrap_eval_rows(self.samples, model, trainer.processing_class)
        was_training = model.training
        model.eval()
        try:
            with trainer.averaged_weights():
                found = dict(trainer.segmented(model, [dataset[index] for index in range(len(dataset))]))
        finally:
            model.train(was_training)
        rows, titles = [], []
        for row in self.samples:
            image = read_image(row)
            gray = image.convert("L")
            predicted = [one["rle"] for one in found[row["image_id"]] if one["score"] >= MIN_SCORE]
            known = [item["segmentation"] for item in objects_with_mask(row)]
            rows.append([image, draw_instances(gray, predicted), draw_instances(gray, known)])
            titles.append(row["file_name"])
        return contact_sheet(rows, ("image", f"predictions from score {MIN_SCORE}", "annotated"), titles)


def _some(rows: Dataset) -> Dataset:
    """Return a few rows, evenly spread."""
    step = max(1, len(rows) // NUM_IMAGES)
    return rows.select(range(0, len(rows), step)[:NUM_IMAGES])
