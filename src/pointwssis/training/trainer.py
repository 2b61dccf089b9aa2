# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A thin subclass of transformers' Trainer for instance segmentation: schedule, loss logging, COCO AP."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset as HFDataset
from PIL import Image
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedModel, Trainer, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import rotate_checkpoints

from ..data.schema import refuse_stream
from ..evaluation.coco_evaluator import CocoEvaluator
from ..evaluation.hotcoco_evaluator import coco_evaluator
from ..hub.cards.released import bare_card
from ..models.solov2.decoding_solov2 import DecodingSettings
from ..models.solov2.tiled_solov2 import encode_tiles, instances_of_tiles
from ..ops.full_disk import naming_full_disk
from ..ops.user_error import UserError, from_worker_process
from ..ops.whole_files import finish_folder
from .arguments import SegmentationTrainingArguments
from .collators import InstanceCollator, as_list
from .datasets import ImageDataset, InstanceDataset, SeededDataset
from .learning_rate import warmup_multistep_factor
from .logged_losses import LoggedLosses
from .parameter_groups import parameter_groups
from .row_datasets import train_samples, wrap_eval_rows
from .samplers import ShapeOrderSampler, SimilarShapeSampler
from .saving import UNFINISHED_CHECKPOINTS, SaveInTime
from .streams import InstanceStream
from .weight_averaging import WeightAverage


class SetEpochCallback(TrainerCallback):
    """Set the epoch of a dataset, on which its augmentation depends.

    accelerate does so too, but neither with several processes nor in the epoch in which a training run resumes.
    """

    def __init__(self, dataset: SeededDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.dataset.set_epoch(int(state.epoch))


class SegmentationTrainer(Trainer):
    """The Trainer of SOLOv2 and MaskRefineNet.

    It differs from transformers' in a few ways: datasets may be rows of the schema, norm layers do not decay, the
    components of the loss are logged, batches hold images of similar shape, and SOLOv2 is evaluated by COCO mask AP
    (`eval_AP`, `eval_AP50`, …; `metric_for_best_model="AP"`). MaskRefineNet is evaluated by its loss. Checkpoints are
    written whole or not at all, with a manifest of their files; a training that resumes logs the same losses.

    Args:
        model: SOLOv2 or MaskRefineNet.
        args: training arguments.
        data_collator: None is `InstanceCollator(processing_class)` for SOLOv2, transformers' default for MaskRefineNet.
        train_dataset: rows of the schema, or for SOLOv2 a stream of them (see `InstanceStream`), which are augmented by
            a horizontal flip as in the official code, unless class names distinguish left from right; or an
            `InstanceDataset` or `RefinementDataset` with other settings. MaskRefineNet needs rough masks.
        eval_dataset: rows of the schema, or a dict of them.
        processing_class: image processor of the model.
        max_detections: see `CocoEvaluator`.
        kwargs: further keyword arguments of `Trainer`.

    Attributes:
        evaluator: the `CocoEvaluator` of the latest evaluation of a SOLOv2; None before.
        weight_average: the moving average of the weights; None unless the arguments set `average_weights`.
        save_in_time: callback that saves checkpoints by time, and before the process ends; see `saving_on_signals`.

    Example:
        ```python
        rows = load_coco("train.json", "images")
        model, processor = new_segmenter(class_names(rows), {}, {"shortest_edge": 640, "longest_edge": 1333})
        args = SegmentationTrainingArguments("outputs/teacher", max_steps=1000)
        trainer = SegmentationTrainer(
            model, args, train_dataset=rows, eval_dataset=load_coco("val.json", "images"), processing_class=processor
        )
        trainer.train()
        trainer.evaluate()["eval_AP"]
        ```
    """

    def __init__(
        self,
        model: PreTrainedModel | None = None,
        args: SegmentationTrainingArguments | None = None,
        data_collator: Any = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        *,
        max_detections: int | list[int] = 100,
        **kwargs: Any,
    ):
        if not isinstance(args, SegmentationTrainingArguments):
            raise TypeError(f"args must be SegmentationTrainingArguments; got {type(args).__name__}")
        super().__init__(model, args, data_collator, train_dataset, eval_dataset, processing_class, **kwargs)
        self.max_detections = max_detections
        self.evaluator: CocoEvaluator | None = None
        self._predictions: dict[int, list[dict[str, Any]]] = {}
        # Folder of the checkpoint that is being written; it is renamed when it is complete.
        self._unfinished: Path | None = None
        self.logged_losses = LoggedLosses(self)
        self.add_callback(self.logged_losses)
        self.save_in_time = SaveInTime(args.save_minutes)
        self.add_callback(self.save_in_time)

        # Rows are wrapped and checked here, so that errors in them are raised before training starts.
        self.train_dataset = train_samples(train_dataset, self.model, processing_class, args.seed)
        if isinstance(self.train_dataset, (InstanceDataset, InstanceStream)) and data_collator is None:
            self.data_collator = InstanceCollator(processing_class)
        if isinstance(self.train_dataset, SeededDataset):
            self.add_callback(SetEpochCallback(self.train_dataset))
        self.weight_average = WeightAverage(self.model, args.average_weights) if args.average_weights else None
        if self.weight_average is not None:
            self.add_callback(self.weight_average)
        if isinstance(eval_dataset, dict):
            self.eval_dataset = {name: self._wrapped(dataset) for name, dataset in eval_dataset.items()}
        else:
            self.eval_dataset = self._wrapped(eval_dataset)

    def _wrapped(self, dataset: Any) -> Any:
        """Return evaluation samples of rows; return any other dataset unchanged."""
        refuse_stream("eval_dataset", dataset)
        if not isinstance(dataset, HFDataset):
            return dataset
        wrapped = wrap_eval_rows(dataset, self.model, self.processing_class)
        if isinstance(wrapped, ImageDataset):
            if self.compute_metrics is not None:
                raise UserError("SOLOv2 is evaluated by CocoEvaluator; leave out compute_metrics")
            CocoEvaluator(wrapped.rows, self.max_detections)  # raises for rows that it cannot evaluate
        return wrapped

    # -- optimization

    @from_worker_process()
    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as transformers' Trainer does; an image that cannot be read is one clear error, from any process."""
        return super().train(*args, **kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Create the optimizer of the arguments, with the groups of `parameter_groups`."""
        model = self.model if model is None else model
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, model)
            self.optimizer = kind(parameter_groups(model, self.args), **options)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """Create the warm-up and milestones of the arguments; without milestones, the scheduler of transformers."""
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

    # -- data loaders

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler | None:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if isinstance(dataset, InstanceDataset):
            # Sort for the processes together: their batches form one step.
            return SimilarShapeSampler(dataset.sizes, self.args.train_batch_size * self.args.world_size, self.args.seed)
        return super()._get_train_sampler(train_dataset)

    def _get_eval_sampler(self, eval_dataset: Any) -> Sampler | None:
        if isinstance(eval_dataset, ImageDataset):
            return ShapeOrderSampler(eval_dataset.sizes)
        return super()._get_eval_sampler(eval_dataset)

    def _get_dataloader(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        # Rows come here from `evaluate(rows)` and `predict(rows)`.
        dataset, collator = self._wrapped(dataset), self.data_collator
        # A stream shares its rows among the processes itself; accelerate would share them once more.
        if isinstance(dataset, InstanceStream):
            return self._stream_loader(dataset)
        # Images of different sizes are collated into a list, in this loader only.
        if isinstance(dataset, ImageDataset):
            self.data_collator = as_list
        try:
            return super()._get_dataloader(dataset, *args, **kwargs)
        finally:
            self.data_collator = collator

    def _stream_loader(self, stream: InstanceStream) -> DataLoader:
        args = self.args
        return DataLoader(
            stream,
            args.train_batch_size,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory and args.device.type == "cuda",
            prefetch_factor=args.dataloader_prefetch_factor,
        )

    # -- losses

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training and outputs.get("loss_dict"):
            self.logged_losses.add(outputs["loss_dict"])
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self.logged_losses.count:
            # Every process logs, so every process reduces.
            logs.update(self.logged_losses.means(lambda value: self.accelerator.reduce(value, reduction="mean")))
        super().log(logs, start_time)

    # -- evaluation

    def prediction_step(
        self, model: nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Any, Any, Any]:
        if "samples" not in inputs:  # training samples: the loss
            return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        for image_id, predictions in self.segmented(model, inputs["samples"]):
            self.evaluator.update(image_id, predictions)
            if not prediction_loss_only:
                self._predictions[image_id] = predictions
        return None, None, None

    def segmented(
        self, model: nn.Module, samples: Iterable[dict[str, Any]]
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Yield the id of each image and its predictions in the form of `CocoEvaluator.update`."""
        if self.processing_class.tile_size is not None:
            for sample in samples:
                yield sample["image_id"], self._segmented_in_tiles(model, sample["image"])
            return
        # Images of one padded shape go through the network together, so that the batch size changes nothing.
        groups: dict[tuple[int, ...], list[dict[str, Any]]] = defaultdict(list)
        for sample in samples:
            groups[tuple(sample["pixel_values"].shape)].append(sample)
        for group in groups.values():
            image_ids = [sample["image_id"] for sample in group]
            yield from zip(image_ids, self._segmented_together(model, group), strict=True)

    def _segmented_together(self, model: nn.Module, samples: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Yield the predictions for each of some images of one padded shape, in one forward pass."""
        inputs = [torch.cat([sample[name] for sample in samples]) for name in ("pixel_values", "pixel_mask")]
        outputs = self._outputs(model, *inputs)
        sizes = [sample["size"] for sample in samples]
        decode = self.processing_class.post_process_instance_segmentation
        for result in decode(outputs, target_sizes=sizes, return_coco_annotation=True):
            predictions = []
            for rle, info in zip(result["segmentation"], result["segments_info"], strict=True):
                predictions.append({"label": info["label_id"], "score": info["score"], "rle": rle})
            yield predictions

    def _segmented_in_tiles(self, model: nn.Module, image: Image.Image) -> list[dict[str, Any]]:
        """Return the predictions for one image, of which a few tiles at a time are in memory."""
        processor, settings = self.processing_class, DecodingSettings.of(self.model.config)
        encoded = encode_tiles(partial(self._outputs, model), processor, image, processor.tile_size, self.args.device)
        masks, labels, scores = instances_of_tiles(encoded, settings, threshold=0.0)
        predictions = []
        for mask, label, score in zip(masks, labels.tolist(), scores.tolist(), strict=True):
            predictions.append({"label": label, "score": score, "rle": mask.rle()})
        return predictions

    def _outputs(self, model: nn.Module, pixel_values: Tensor, pixel_mask: Tensor) -> Any:
        """Return the outputs of a SOLOv2 for a batch."""
        inputs = self._prepare_inputs({"pixel_values": pixel_values, "pixel_mask": pixel_mask})
        with torch.no_grad(), self.compute_loss_context_manager():
            return model(**inputs)

    @from_worker_process()
    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """Run transformers' loop; for images of SOLOv2, add COCO AP to its metrics.

        `predict(rows)` returns as `predictions` one list per row, in order, of
        `{"label": class index, "score": float, "rle": RLE of the original image's size}`.
        """
        dataset = dataloader.dataset
        if isinstance(dataset, ImageDataset):
            self.evaluator, self._predictions = coco_evaluator(dataset.rows, self.max_detections), {}
        with self.averaged_weights():
            output = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
        if not isinstance(dataset, ImageDataset):
            return output

        # Every process has seen its share of the images.
        self.evaluator.merge(gather_object([self.evaluator.results]))
        metrics = {name: value for name, value in self.evaluator.compute().items() if value is not None}
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in metrics.items()})
        # Predictions are kept only for `predict`.
        if prediction_loss_only or (prediction_loss_only is None and self.args.prediction_loss_only):
            return output
        # Back to the order of the rows, from all processes
        found: dict[int, list[dict[str, Any]]] = {}
        for part in gather_object([self._predictions]):
            found.update(part)
        self._predictions = {}
        return output._replace(predictions=[found[image_id] for image_id in dataset.rows["image_id"]])

    # -- saving and averaged weights

    def averaged_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the model has its averaged weights, if a training keeps an average."""
        return nullcontext() if self.weight_average is None else self.weight_average.applied()

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model; into a checkpoint, also the average of its weights."""
        super().save_model(output_dir, _internal_call)
        # A checkpoint keeps the trained weights too, because the training goes on from them.
        is_checkpoint = _internal_call and self.weight_average is not None and self.weight_average.values
        if is_checkpoint and self.args.should_save:
            self.weight_average.save(output_dir or self.args.output_dir)

    def _get_output_dir(self, trial: Any) -> str:
        return super()._get_output_dir(trial) if self._unfinished is None else str(self._unfinished)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint as a whole: into a folder beside the others, which is moved to them when complete."""
        folder, name = Path(self._get_output_dir(trial)), f"checkpoint-{self.state.global_step}"
        self._unfinished = unfinished = folder / UNFINISHED_CHECKPOINTS
        # A training that was killed may have left half of a checkpoint behind.
        if self.args.should_save:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        try:
            with naming_full_disk(folder / name):
                # transformers removes older checkpoints of the folder it writes to, where there are none.
                super()._save_checkpoint(model, trial)
                self.logged_losses.save(unfinished / name)
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    self._finish_checkpoint(unfinished / name, folder / name)
        finally:
            self._unfinished = None
            if self.args.should_save:
                shutil.rmtree(unfinished, ignore_errors=True)
        self.accelerator.wait_for_everyone()

    def _finish_checkpoint(self, unfinished: Path, folder: Path) -> None:
        """Move a complete checkpoint to its place, and remove older ones beyond the limit of the arguments."""
        if self.state.best_model_checkpoint == str(unfinished):
            self.state.best_model_checkpoint = str(folder)
            self.state.save_to_json(str(unfinished / TRAINER_STATE_NAME))
        finish_folder(unfinished, folder)
        # The latest checkpoint is the newest one, even if the clock was set back since the others.
        latest = max(path.stat().st_mtime for path in folder.parent.glob("checkpoint-*"))
        os.utime(folder, times=(latest + 1, latest + 1))
        best, limit = self.state.best_model_checkpoint, self.args.save_total_limit
        rotate_checkpoints(str(folder.parent), limit, best, use_mtime=True)

    def load_checkpoint(self, checkpoint: str) -> None:
        """Give the model the weights of a checkpoint, averaged if the arguments set `average_weights`."""
        self.model.load_state_dict(type(self.model).from_pretrained(checkpoint).state_dict())
        if self.weight_average is not None:
            self.weight_average.load(checkpoint)
            self.weight_average.take_over()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.logged_losses.load(resume_from_checkpoint)
        if self.weight_average is not None:
            self.weight_average.load(resume_from_checkpoint)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write our card of a model without a training history, for `push_to_hub`, in place of the Trainer's."""
        path = Path(self.args.output_dir) / "README.md"
        if self.is_world_process_zero() and not path.is_file():
            name = self.hub_model_id or Path(self.args.output_dir).name
            path.write_text(bare_card(name, self.model.config), encoding="utf-8")
