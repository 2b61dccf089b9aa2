# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema, passed to the Trainer as they are."""

import pytest
from datasets import DatasetDict
from transformers import TrainingArguments

from helpers import tiny
from helpers.tiny_trainer import arguments, natural
from helpers.training_in_two_processes import answered_rows, mixed_rows
from pointwssis.data import class_names, dataset_from_rows
from pointwssis.evaluation import CocoEvaluator
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.refinement_dataset import RefinementDataset
from pointwssis.training.trainer import SegmentationTrainer


def with_rough_masks(rows):
    def with_rough(row):
        return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}

    return rows.map(with_rough, features=rows.features)


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


def test_images_in_tiles_are_predicted_as_by_the_pipeline(tmp_path):
    rows, (model, processor) = answered_rows(), tiny.segmenter()
    processor.tile_size = 40
    made = natural(tmp_path, (model, processor), None)
    output = made.predict(rows)
    assert output.metrics["test_AP"] == made.evaluate(rows)["eval_AP"]
    pipe = PointInstanceSegmentationPipeline(model=model, image_processor=processor, device="cpu", mask_format="rle")
    for row, predictions in zip(rows, output.predictions, strict=True):
        expected = [{"label": one["label_id"], "score": one["score"], "rle": one["mask"]} for one in pipe(row)]
        assert predictions == expected and expected


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


def test_rows_in_plain_lists_and_in_splits(tmp_path):
    rows = mixed_rows(2)
    with pytest.raises(UserError, match=r"train_dataset is a list of rows; write dataset_from_rows"):
        natural(tmp_path, tiny.segmenter(), list(rows))
    with pytest.raises(UserError, match="train_dataset has the splits train, validation; give one of them"):
        natural(tmp_path, tiny.segmenter(), DatasetDict(train=rows, validation=rows))


def test_an_image_that_has_another_size_by_now_is_named(tmp_path):
    rows = tiny.shapes(2, [(64, 64)])
    row = {**rows.with_format(None)[0], "image": str(tmp_path / "a.png"), "file_name": "a.png"}
    tiny.picture(64, 64).save(row["image"])
    made = dataset_from_rows([row], class_names(rows))
    tiny.picture(32, 64).save(row["image"])
    with pytest.raises(UserError, match=r"a\.png.*: the file has 64 × 32 pixels, but 64 × 64 when it was loaded"):
        natural(tmp_path, tiny.segmenter(), made, max_steps=1, dataloader_num_workers=0).train()


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
