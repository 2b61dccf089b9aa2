# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' Trainer where it fits, a thin subclass where instance segmentation needs more: schedule, logging,
COCO AP.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset as HFDataset
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback

from ..evaluation.coco_evaluator import CocoEvaluator
from ..hub.cards.released import bare_card
from .collators import as_list
from .datasets import ImageDataset, InstanceDataset, RefinementDataset
from .learning_rate import warmup_multistep_factor
from .samplers import SimilarShapeSampler, by_shape


class SetEpochCallback(TrainerCallback):
    """Tells a dataset which epoch begins; its augmentation depends on that.

    accelerate does so too, but neither with several processes nor in the epoch in which a training resumes.
    """

    def __init__(self, dataset: InstanceDataset | RefinementDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.dataset.set_epoch(int(state.epoch))


class SegmentationTrainer(Trainer):
    """Trainer for SOLOv2 and MaskRefineNet.

    Norm layers do not decay, the loss' components are logged, batches hold similar shapes, and evaluation is COCO
    mask AP.

    Args:
        eval_rows: dataset of the schema to evaluate on (SOLOv2); None: no evaluation.
        max_detections: of the evaluator, see `CocoEvaluator`.
    """

    def __init__(
        self, *args: Any, eval_rows: HFDataset | None = None, max_detections: int | list[int] = 100, **kwargs: Any
    ):
        if eval_rows is not None:
            kwargs["eval_dataset"] = ImageDataset(by_shape(eval_rows), kwargs["processing_class"])
        super().__init__(*args, **kwargs)
        self.evaluator = None if eval_rows is None else CocoEvaluator(eval_rows, max_detections)
        self._loss_sums: dict[str, Any] = defaultdict(float)
        self._loss_count = 0
        if isinstance(self.train_dataset, (InstanceDataset, RefinementDataset)):
            self.add_callback(SetEpochCallback(self.train_dataset))

    # -- optimization

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        model = self.model if model is None else model
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, model)
            decayed, kept = [], []
            for module in model.modules():
                is_norm = isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm))
                for parameter in module.parameters(recurse=False):
                    if parameter.requires_grad:
                        (kept if is_norm else decayed).append(parameter)
            groups = [
                {"params": decayed, "weight_decay": self.args.weight_decay},
                {"params": kept, "weight_decay": 0.0},
            ]
            self.optimizer = kind([group for group in groups if group["params"]], **options)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        if not self.args.milestones:
            return super().create_scheduler(num_training_steps, optimizer)
        if self.lr_scheduler is None:
            args = self.args
            warmup_steps = args.get_warmup_steps(num_training_steps)
            self.lr_scheduler = LambdaLR(
                optimizer or self.optimizer,
                lambda step: warmup_multistep_factor(
                    step, num_training_steps, args.milestones, args.gamma, warmup_steps, args.warmup_factor
                ),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler | None:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if isinstance(dataset, InstanceDataset):
            return SimilarShapeSampler(dataset.sizes, self.args.train_batch_size * self.args.world_size, self.args.seed)
        return super()._get_train_sampler(train_dataset)

    # -- losses

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training and outputs.get("loss_dict"):
            for name, value in outputs["loss_dict"].items():
                self._loss_sums[name] += value.detach()
            self._loss_count += 1
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self._loss_count:
            for name, value in sorted(self._loss_sums.items()):  # every process logs, so every process reduces
                logs[name] = round(self.accelerator.reduce(value / self._loss_count, reduction="mean").item(), 6)
            self._loss_sums.clear()
            self._loss_count = 0
        super().log(logs, start_time)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """What `push_to_hub` puts beside the weights: our card of a model without a history, not the Trainer's."""
        path = Path(self.args.output_dir) / "README.md"
        if self.is_world_process_zero() and not path.is_file():
            name = self.hub_model_id or Path(self.args.output_dir).name
            path.write_text(bare_card(name, self.model.config), encoding="utf-8")

    # -- evaluation

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        collator, self.data_collator = self.data_collator, as_list
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = collator

    def prediction_step(
        self, model: nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[None, None, None]:
        """Segments images of one padded shape together, so that the batch size changes nothing, and keeps RLEs only."""
        groups: dict[tuple[int, ...], list[dict[str, Any]]] = defaultdict(list)
        for sample in inputs["samples"]:
            groups[tuple(sample["pixel_values"].shape)].append(sample)
        for group in groups.values():
            batch = {name: torch.cat([sample[name] for sample in group]) for name in ("pixel_values", "pixel_mask")}
            with torch.no_grad(), self.compute_loss_context_manager():
                outputs = model(**self._prepare_inputs(batch))
            found = self.processing_class.post_process_instance_segmentation(
                outputs, target_sizes=[sample["size"] for sample in group], return_coco_annotation=True
            )
            for sample, instances in zip(group, found, strict=True):
                self.evaluator.update(
                    sample["image_id"],
                    [
                        {"label": info["label_id"], "score": info["score"], "rle": rle}
                        for rle, info in zip(instances["segmentation"], instances["segments_info"], strict=True)
                    ],
                )
        return None, None, None

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        self.evaluator.reset()
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        self.evaluator.merge(gather_object([self.evaluator.results]))
        metrics = self.evaluator.compute()
        output.metrics.update(
            {f"{metric_key_prefix}_{name}": value for name, value in metrics.items() if value is not None}
        )
        return output
