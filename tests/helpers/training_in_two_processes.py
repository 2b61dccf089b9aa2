# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The script that `test_trainer` starts on two processes: three epochs of training, and an evaluation."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from helpers import tiny
from pointwssis.data import class_names, dataset_from_rows, make_object
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.trainer import SegmentationTrainer


def mixed_rows(count: int = 7) -> Any:
    """Return images of three sizes; the third has no object."""
    rows = tiny.shapes(count, [(64, 64), (40, 90), (90, 40)])
    changed = [{**row, "objects": [] if index == 2 else row["objects"]} for index, row in enumerate(rows)]
    return dataset_from_rows(changed, class_names(rows))


def answered_rows(count: int = 7) -> Any:
    """Return images whose ground truth is every second prediction of `tiny.segmenter()`: AP is neither 0 nor 1."""
    rows, (model, processor) = mixed_rows(count), tiny.segmenter()
    pipe = PointInstanceSegmentationPipeline(model=model, image_processor=processor, device="cpu")
    changed = []
    for index, row in enumerate(rows):
        found = pipe(row, mask_format="rle", top_k=12)[::2] if index != 2 else []
        objects = [
            make_object(100 * index + k, tiny.NAMES.index(instance["label"]), segmentation=instance["mask"])
            for k, instance in enumerate(found)
        ]
        changed.append({**row, "objects": objects})
    return dataset_from_rows(changed, class_names(rows))


class Watched(InstanceDataset):
    """A dataset that records the epoch and index of each request."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.seen: list[tuple[int, int]] = []

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.seen.append((self.epoch, index))
        return super().__getitem__(index)


def main(folder: Path) -> None:
    model, processor = tiny.segmenter()
    dataset = Watched(mixed_rows(6), Augmentation(), 7)
    arguments = SegmentationTrainingArguments(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=1,
        per_device_eval_batch_size=2,
        max_steps=9,
        average_weights=0.5,
        logging_steps=3,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SegmentationTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=InstanceCollator(processor, [64], 96),
        processing_class=processor,
    )
    trainer.train()
    other = SegmentationTrainer(
        model=tiny.segmenter()[0], args=arguments, processing_class=processor, eval_dataset=answered_rows()
    )
    metrics = {name: value for name, value in other.evaluate().items() if "AP" in name or "AR" in name}
    weights = sum(value.double().abs().sum().item() for value in model.parameters())
    answer = {"metrics": metrics, "weights": weights, "seen": dataset.seen}
    (folder / f"rank{os.environ['RANK']}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
