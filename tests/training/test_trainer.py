# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainerCallback, TrainingArguments

from helpers import tiny
from helpers import training_in_two_processes as script
from helpers.processes import run_together
from helpers.training_in_two_processes import answered_rows, mixed_rows
from pointwssis.data import read_image
from pointwssis.evaluation import CocoEvaluator
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.learning_rate import warmup_multistep_factor
from pointwssis.training.refinement_dataset import RefinementDataset
from pointwssis.training.trainer import SegmentationTrainer

LIVELY = Augmentation(0.5, 0.5, True, 0.2, 0.2)


def arguments(folder: Path, **changes) -> SegmentationTrainingArguments:
    values = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 2,
        "max_steps": 4,
        "warmup_steps": 1,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return SegmentationTrainingArguments(**{**values, **changes})


def trainer(folder: Path, rows=None, eval_dataset=None, seed: int = 0, callbacks=None, max_detections=100, **changes):
    model, processor = tiny.segmenter(seed)
    rows = mixed_rows() if rows is None else rows
    return SegmentationTrainer(
        model=model.train(),
        args=arguments(folder, **changes),
        train_dataset=InstanceDataset(rows, LIVELY, seed=7),
        data_collator=InstanceCollator(processor, [48, 64], 96),
        processing_class=processor,
        eval_dataset=eval_dataset,
        max_detections=max_detections,
        callbacks=callbacks,
    )


# -- learning rate and weight decay


def test_learning_rate_of_every_step(tmp_path):
    made = trainer(tmp_path, max_steps=10, warmup_steps=3, warmup_factor=0.1, milestones=[0.5, 0.8], learning_rate=1.0)
    made.train()
    rates = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    # Newer versions of the Trainer log after the scheduler's step, as the first rate shows.
    expected = [warmup_multistep_factor(step, 10, [0.5, 0.8], 0.1, 3, 0.1) for step in range(10)]
    assert expected == pytest.approx([0.1, 0.4, 0.7, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert rates == pytest.approx(expected)


def test_without_milestones_the_schedule_is_transformers_own(tmp_path):
    made = trainer(tmp_path, milestones=[], lr_scheduler_type="cosine", warmup_steps=0, learning_rate=1.0, max_steps=4)
    made.train()
    rates = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    assert rates == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466], abs=1e-6)


def test_norms_do_not_decay_and_frozen_weights_are_left_out(tmp_path):
    made = trainer(tmp_path, weight_decay=0.5)
    made.model.model.feature_pyramid.requires_grad_(False)
    groups = made.create_optimizer().param_groups
    names = {id(parameter): name for name, parameter in made.model.named_parameters()}
    decay = {names[id(p)]: group["weight_decay"] for group in groups for p in group["params"]}
    trainable = {name for name, parameter in made.model.named_parameters() if parameter.requires_grad}
    assert decay.keys() == trainable and not any("feature_pyramid" in name for name in decay)
    kept = {name for name, value in decay.items() if value == 0}
    assert kept == {name for name in decay if "normalization" in name or ".norm." in name}
    assert len(kept) > 20 and decay["model.instance_head.class_head.bias"] == 0.5
    assert groups[0]["momentum"] == 0.9


def rates_of_groups(made: SegmentationTrainer) -> dict[str, float]:
    """Return the present learning rate of each trainable parameter."""
    names = {id(parameter): name for name, parameter in made.model.named_parameters()}
    return {names[id(p)]: group["lr"] for group in made.optimizer.param_groups for p in group["params"]}


def test_the_backbone_has_a_factor_of_the_learning_rate(tmp_path):
    """The schedule multiplies both rates; the logged one is that of the heads."""
    options = {"max_steps": 4, "learning_rate": 0.5, "warmup_steps": 0, "milestones": [0.5]}
    made = trainer(tmp_path, backbone_learning_rate_factor=0.2, **options)
    made.create_optimizer()
    assert {name for name, rate in rates_of_groups(made).items() if rate == pytest.approx(0.1)} == {
        name for name, _ in made.model.named_parameters() if ".backbone." in name
    }
    made.train()
    logged = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    assert logged == pytest.approx([0.5, 0.5, 0.05, 0.05])
    for name, rate in rates_of_groups(made).items():  # after the drop
        assert rate == pytest.approx(0.01 if ".backbone." in name else 0.05)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_factor_must_be_positive(tmp_path, factor):
    with pytest.raises(ValueError, match="backbone_learning_rate_factor must be positive.*freeze_backbone_stages"):
        arguments(tmp_path, backbone_learning_rate_factor=factor)


# -- training


def test_components_of_the_loss_are_logged_and_add_up(tmp_path):
    made = trainer(tmp_path, logging_steps=2)
    made.train()
    entries = [entry for entry in made.state.log_history if "loss" in entry]
    assert len(entries) == 2
    for entry in entries:
        assert entry["loss_class"] + entry["loss_mask"] == pytest.approx(entry["loss"], rel=1e-3)


def test_gradient_accumulation_averages(tmp_path):
    rows = tiny.shapes(4)
    losses = []
    for size, steps in ((4, 1), (2, 2)):
        made = trainer(tmp_path, rows, per_device_train_batch_size=size, gradient_accumulation_steps=steps, max_steps=1)
        made.train()
        losses.append(made.state.log_history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.25)  # a sum would be twice as much


def test_batches_without_any_object_train(tmp_path):
    empty = tiny.shapes(2).map(lambda row: {"objects": []})
    made = trainer(tmp_path, empty, max_steps=2)
    made.train()
    assert all(entry["loss_mask"] == 0 for entry in made.state.log_history if "loss" in entry)
    assert all(parameter.isfinite().all() for parameter in made.model.parameters())


def test_training_in_bfloat16(tmp_path):
    made = trainer(tmp_path, bf16=True, max_steps=2)
    made.train()
    assert all(torch.isfinite(torch.tensor(entry["loss"])) for entry in made.state.log_history if "loss" in entry)
    assert next(made.model.parameters()).dtype == torch.float32


class StopAt(TrainerCallback):
    """Ends a training as an interruption does: what comes after never runs."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


# Inside of the first and of the second epoch, of four steps each
@pytest.mark.parametrize(("saved_at", "average_weights"), [(2, 0.0), (5, 0.0), (5, 0.9)])
def test_resuming_equals_the_uninterrupted_training_bit_for_bit(tmp_path, saved_at, average_weights):
    options = {"max_steps": 10, "save_strategy": "steps", "save_steps": saved_at, "dataloader_num_workers": 0}
    options["average_weights"] = average_weights
    options["backbone_learning_rate_factor"] = 0.3
    rows = mixed_rows(8)
    whole = trainer(tmp_path / "whole", rows, **options)
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "parts", rows, callbacks=[StopAt(saved_at + 1)], **options).train()
    rest = trainer(tmp_path / "parts", rows, seed=1, **options)  # other initial weights: they must not matter
    rest.train(resume_from_checkpoint=True)
    assert rest.state.global_step == 10
    assert tiny.same_weights(whole.model.state_dict(), rest.model.state_dict())
    after = [entry["loss"] for entry in whole.state.log_history if entry["step"] > saved_at and "loss" in entry]
    assert after == [entry["loss"] for entry in rest.state.log_history if entry["step"] > saved_at and "loss" in entry]


def test_each_epoch_augments_anew(tmp_path):
    seen: list[tuple[int, int]] = []

    class Watched(InstanceDataset):
        def __getitem__(self, index):
            seen.append((self.epoch, index))
            return super().__getitem__(index)

    made = trainer(tmp_path, max_steps=4)
    dataset = Watched(tiny.shapes(4), LIVELY, seed=7)
    made = SegmentationTrainer(
        model=made.model,
        args=arguments(tmp_path, max_steps=4),
        train_dataset=dataset,
        data_collator=made.data_collator,
        processing_class=made.processing_class,
    )
    made.train()
    assert sorted(seen) == [(epoch, index) for epoch in (0, 1) for index in range(4)]


def test_the_refiner_trains(tmp_path):
    model, processor = tiny.refiner()
    rows = tiny.shapes(4)

    def with_rough(row):
        return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}

    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = SegmentationTrainer(
        model=model.train(),
        args=arguments(tmp_path, max_steps=2, optim="adamw_torch", optim_args=None, milestones=[]),
        train_dataset=RefinementDataset(rows.map(with_rough, features=rows.features), processor),
        processing_class=processor,
    )
    made.train()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"head.weight", "encoder.input_layer.convolution.image_weight"} <= changed


# -- evaluation


def evaluated(folder: Path, rows, **changes) -> tuple[dict, dict]:
    made = trainer(folder, eval_dataset=rows, **changes)
    metrics = made.evaluate()
    return {name: value for name, value in metrics.items() if "AP" in name or "AR" in name}, made.evaluator.results


def test_evaluation_is_the_same_at_batch_1_and_8_and_counts_every_image(tmp_path):
    rows = answered_rows()
    one, results = evaluated(tmp_path, rows, per_device_eval_batch_size=1)
    eight, _ = evaluated(tmp_path, rows, per_device_eval_batch_size=8)
    assert 0.2 < one["eval_AP"] < 1  # it knows every object, and as many others
    assert one == pytest.approx(eight, abs=1e-9)
    assert set(results) == set(rows["image_id"])


def test_evaluation_after_training_steps_does_not_disturb_training(tmp_path):
    rows = answered_rows()
    plain = trainer(tmp_path, rows)
    plain.train()
    watched = trainer(tmp_path, rows, eval_dataset=rows, eval_strategy="steps", eval_steps=2)
    watched.train()
    assert tiny.same_weights(plain.model.state_dict(), watched.model.state_dict())
    entries = [entry for entry in watched.state.log_history if "eval_AP" in entry]
    assert [entry["step"] for entry in entries] == [2, 4]
    assert entries[0]["eval_AP"] != entries[1]["eval_AP"]


def test_several_caps_on_detections(tmp_path):
    metrics, _ = evaluated(tmp_path, answered_rows(), max_detections=[100, 400])
    names = {"eval_AP", "eval_AP@100", "eval_AP50@100", "eval_AR1", "eval_AR10", "eval_AR100", "eval_AR400"}
    assert names <= set(metrics)
    assert metrics["eval_AR400"] >= metrics["eval_AR100"] > metrics["eval_AR1"]


def test_a_perfect_model_has_an_ap_of_one(tmp_path, monkeypatch):
    rows = mixed_rows()
    ground_truth = {row["image_id"]: row for row in rows.with_format(None)}
    made = trainer(tmp_path, eval_dataset=rows, per_device_eval_batch_size=3)
    plain = CocoEvaluator.update

    def update(self, image_id, predictions):
        assert predictions  # of the model
        objects = ground_truth[image_id]["objects"]
        plain(self, image_id, [{"label": o["category"], "score": 0.9, "rle": o["segmentation"]} for o in objects])

    monkeypatch.setattr(CocoEvaluator, "update", update)
    assert made.evaluate()["eval_AP"] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> list[dict]:
    """Return the answers of the two processes of `training_in_two_processes`."""
    folder = tmp_path_factory.mktemp("two")
    for code, output in run_together(script, 2, folder):
        assert code == 0, output[-3000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def test_two_processes_train_and_evaluate_as_one(two_processes, tmp_path):
    """An image without objects on one of them, an odd number of images, and the same answer."""
    first, second = two_processes
    assert first["metrics"] == second["metrics"] and first["weights"] == second["weights"]
    # Every epoch, each process takes half of the images, and both augment anew.
    for epoch in range(3):
        seen = sorted(i for part in (first, second) for e, i in part["seen"] if e == epoch)
        assert seen == list(range(6))
    alone, _ = evaluated(tmp_path, answered_rows(), per_device_eval_batch_size=2)
    assert first["metrics"] == pytest.approx(alone, abs=1e-9) and alone["eval_AP"] > 0.2


def test_two_processes_follow_the_losses_of_one_with_the_same_batch(two_processes, tmp_path):
    """Processes with different numbers of objects weigh them alike: divisors are those of the common batch."""
    alone = script.loss_curve(tmp_path, 2)
    assert len(alone) == 4 and alone[0]["loss"] > alone[-1]["loss"] > 0
    for answer in two_processes:
        for step, expected in zip(answer["curve"], alone, strict=True):
            assert step == pytest.approx(expected, rel=1e-4), (answer["curve"], alone)


def test_two_processes_share_the_loss_of_a_refiner(two_processes):
    loss, gradient = script.refinement_gradient(slice(0, 4))
    # DistributedDataParallel divides the sum of the gradients by the number of processes.
    shared = [value / 2 for answer in two_processes for value in answer["refinement"][1]]
    assert shared == pytest.approx(gradient, abs=1e-6)
    for answer in two_processes:
        assert answer["refinement"][0] == pytest.approx(loss, abs=1e-6)


def test_two_processes_share_a_stream(two_processes):
    images = [np.asarray(read_image(row)) for row in tiny.shapes(7).with_format(None)]
    seen = [image for answer in two_processes for image in answer["streamed"]]
    assert sorted(seen) == sorted(int(image.sum()) for image in images)


# -- rows of the schema, as they are


def with_rough_masks(rows):
    def with_rough(row):
        return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}

    return rows.map(with_rough, features=rows.features)


def natural(folder: Path, made: tuple, rows, eval_rows=None, **changes) -> SegmentationTrainer:
    """Return the trainer as a user of transformers would create it."""
    model, processor = made
    return SegmentationTrainer(
        model, arguments(folder, **changes), train_dataset=rows, eval_dataset=eval_rows, processing_class=processor
    )


def test_rows_train_and_evaluate_a_solov2(tmp_path):
    rows = answered_rows()
    made = natural(tmp_path, tiny.segmenter(), rows, rows)
    before = made.evaluate()
    assert 0 < before["eval_AP"] < before["eval_AP50"] <= 1
    assert made.train().global_step == 4
    assert made.evaluate()["eval_AP"] != before["eval_AP"]


def test_rows_are_prepared_as_by_the_public_datasets(tmp_path):
    rows = mixed_rows()
    made = natural(tmp_path / "rows", tiny.segmenter(), rows, seed=5)
    made.train()
    model, processor = tiny.segmenter()
    explicit = SegmentationTrainer(
        model,
        arguments(tmp_path / "explicit", seed=5),
        train_dataset=InstanceDataset(rows, Augmentation(), seed=5),
        data_collator=InstanceCollator(processor, [64], 96),
        processing_class=processor,
    )
    explicit.train()
    assert tiny.same_weights(made.model.state_dict(), explicit.model.state_dict())


def test_the_best_model_by_ap_is_loaded_at_the_end(tmp_path):
    rows = answered_rows()
    options = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
    options |= {
        "load_best_model_at_end": True,
        "metric_for_best_model": "AP",
        "learning_rate": 1.0,
        "save_total_limit": 1,
    }
    made = natural(tmp_path, tiny.segmenter(), rows, rows, **options)
    made.train()
    found = {entry["step"]: entry["eval_AP"] for entry in made.state.log_history if "eval_AP" in entry}
    assert made.state.best_metric == max(found.values()) and found[2] != found[4]
    assert made.evaluate()["eval_AP"] == pytest.approx(max(found.values()))


def test_evaluating_other_rows_and_several_datasets(tmp_path):
    rows = answered_rows()
    made = natural(tmp_path, tiny.segmenter(), None, {"all": rows, "some": rows.select(range(3))})
    both = made.evaluate()
    assert 0 < both["eval_all_AP"] != both["eval_some_AP"] > 0
    assert made.evaluate(rows.select(range(3)))["eval_AP"] == both["eval_some_AP"]
    assert set(made.evaluator.results) == set(rows["image_id"][:3])


def test_prediction_gives_the_masks_of_every_row_in_order(tmp_path):
    rows = answered_rows()
    made = natural(tmp_path, tiny.segmenter(), None)
    output = made.predict(rows)
    assert 0 < output.metrics["test_AP"] == made.evaluate(rows)["eval_AP"]
    evaluator = CocoEvaluator(rows)
    for row, predictions in zip(rows, output.predictions, strict=True):
        assert all(found["rle"]["size"] == [row["height"], row["width"]] for found in predictions)
        evaluator.update(row["image_id"], predictions)
    assert evaluator.compute()["AP"] == output.metrics["test_AP"]


def test_images_without_masks_are_predicted_without_metrics(tmp_path):
    unlabeled = mixed_rows().map(lambda row: {"objects": [], "complete": False})
    output = natural(tmp_path, tiny.segmenter(), None).predict(unlabeled)
    assert len(output.predictions) == 7 and all(output.predictions)
    assert not any("AP" in name for name in output.metrics)


def test_rows_train_and_evaluate_a_refiner(tmp_path):
    rows = with_rough_masks(mixed_rows())
    options = {"optim": "adamw_torch", "optim_args": None, "milestones": [], "eval_strategy": "steps", "eval_steps": 2}
    made = natural(tmp_path, tiny.refiner(), rows, rows.select(range(2)), **options)
    assert isinstance(made.train_dataset, RefinementDataset)
    made.train()
    losses = [entry["eval_loss"] for entry in made.state.log_history if "eval_loss" in entry]
    assert len(losses) == 2 and losses[0] != losses[1]
    assert made.evaluate()["eval_loss"] == made.evaluate()["eval_loss"] == pytest.approx(losses[1])  # nothing random
    assert made.evaluator is None
    output = made.predict(rows.select(range(2)))
    assert output.metrics["test_loss"] == pytest.approx(losses[1])
    assert output.predictions.shape == (len(made.eval_dataset), 2, 48, 48)


def test_loss_of_training_samples_in_evaluation(tmp_path):
    model, processor = tiny.segmenter()
    rows = mixed_rows()
    made = natural(tmp_path, (model, processor), rows, InstanceDataset(rows))
    assert made.evaluate()["eval_loss"] > 0


def test_rows_that_do_not_fit(tmp_path):
    rows, made = mixed_rows(), tiny.segmenter()
    with pytest.raises(ValueError, match=r"train_dataset has the columns image_id, .* and lacks image, height"):
        natural(tmp_path, made, rows.select_columns(["image_id", "objects"]))
    with pytest.raises(ValueError, match=r"eval_dataset has the classes .*; the model has cat, dog"):
        natural(tmp_path, tiny.segmenter(names=["cat", "dog"]), None, rows)
    with pytest.raises(ValueError, match="pass the model's image processor as processing_class"):
        natural(tmp_path, (made[0], None), rows)
    with pytest.raises(ValueError, match="no object has both a mask and a rough mask"):
        natural(tmp_path, tiny.refiner(), rows)
    with pytest.raises(ValueError, match="several rows with one image_id"):
        natural(tmp_path, made, None, rows.select([0, 0]))
    with pytest.raises(TypeError, match="args must be SegmentationTrainingArguments; got TrainingArguments"):
        SegmentationTrainer(made[0], TrainingArguments(str(tmp_path)), train_dataset=rows, processing_class=made[1])
    with pytest.raises(ValueError, match="leave out compute_metrics"):
        SegmentationTrainer(
            made[0], arguments(tmp_path), eval_dataset=rows, processing_class=made[1], compute_metrics=lambda _: {}
        )
