# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The script that `test_two_processes` starts on two processes: three epochs of training, and an evaluation."""

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from helpers import tiny
from pointwssis.data import class_names, dataset_from_rows, make_object
from pointwssis.models.mask_refine_net.loss_mask_refine_net import mask_refinement_loss
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.streams import InstanceStream
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


def loss_curve(folder: Path, images_per_process: int) -> list[dict[str, float]]:
    """Return the losses and gradient norms of a training of four steps on images of one size; the third is empty."""
    rows = tiny.shapes(8)
    changed = [{**row, "objects": [] if index == 2 else row["objects"]} for index, row in enumerate(rows)]
    model, processor = tiny.segmenter(freeze_backbone_norm=True)  # other norms would see one image instead of two
    arguments = SegmentationTrainingArguments(
        output_dir=str(folder / "curve"),
        per_device_train_batch_size=images_per_process,
        max_steps=4,
        warmup_steps=1,
        logging_steps=1,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SegmentationTrainer(
        model=model.train(),
        args=arguments,
        train_dataset=dataset_from_rows(changed, class_names(rows)),
        processing_class=processor,
    )
    trainer.train()
    names = ("loss", "loss_class", "loss_mask", "grad_norm")
    return [{name: entry[name] for name in names} for entry in trainer.state.log_history if "loss" in entry]


def refinement_gradient(crops: slice) -> tuple[float, list[float]]:
    """Return the loss of MaskRefineNet of some of four crops, and the gradient of each of their logits."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 2, 6, 6, generator=generator)[crops].requires_grad_()
    labels = torch.randint(0, 2, (4, 6, 6), generator=generator)[crops]
    loss = mask_refinement_loss(logits, labels)
    loss.backward()
    return loss.item(), logits.grad.flatten().tolist()


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
    answer = {"metrics": metrics, "weights": weights, "seen": dataset.seen, "curve": loss_curve(folder, 1)}
    rank = int(os.environ["RANK"])
    stream = InstanceStream(tiny.shapes(7).to_iterable_dataset())
    answer["streamed"] = [int(sample["images"].sum()) for sample in itertools.islice(stream, 4 - rank)]
    answer["refinement"] = refinement_gradient(slice(3 * rank, 3 + rank))  # three crops, and one
    (folder / f"rank{os.environ['RANK']}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
