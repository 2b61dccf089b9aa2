# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The example scripts, one after the other, with trainings of a step or two."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import ConvNextImageProcessorPil, ResNetBackbone, ResNetConfig
from transformers.trainer_utils import TrainOutput

from helpers import tiny
from helpers.paths import EXAMPLES
from pointwssis.data import load_coco
from pointwssis.models.factory import is_saved_model
from pointwssis.models.mask_refine_net.named_mask_refine_net import GENERAL_REFINER_FOLDER
from pointwssis.models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, SOLOv2Config
from pointwssis.training import SegmentationTrainer

LOOP = {"train_solov2", "label_with_points", "train_mask_refine_net", "train_student", "evaluate"}
SEAMS = {"sam_refiner", "mask2former_teacher"}  # test_seams.py
OTHERS = {"prepare_coco", "prepare_bdd100k", "export_remote_code", "reproduce_tables"}  # tests of their own
OTHERS |= {"segment_over_http"}  # tests/app/test_http_api.py
SIZE = ["--shortest_edges", "48", "64", "--longest_edge", "96"]
FAST = ["--max_steps", "2", "--warmup_steps", "1", "--save_steps", "1", "--logging_steps", "1"]
FAST += ["--per_device_train_batch_size", "2", "--use_cpu"]


def test_the_scripts_are_those_that_are_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == LOOP | SEAMS | OTHERS


@pytest.mark.parametrize("name", sorted(LOOP))
def test_the_scripts_show_the_work_in_a_hundred_lines(name):
    text = (EXAMPLES / f"{name}.py").read_text("utf-8")
    assert len(text.splitlines()) <= 101 and "pointwssis.runs" not in text


@pytest.mark.parametrize("name", sorted(LOOP | OTHERS - {"segment_over_http"}))
def test_errors_and_signals_are_one_line(name):
    last = (EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()[-1]
    assert last.startswith("    sys.exit(run_script(main")


def test_a_missing_file_and_a_stop_are_one_line(shapes, tmp_path, script, monkeypatch):
    words = ["--image_dir", str(shapes / "images"), "--output_dir", str(tmp_path / "out"), *FAST, *SIZE]
    words += ["--model_name_or_path", tiny.saved_segmenter(tmp_path / "start")]
    error = script("train_solov2", "--train_annotations", str(tmp_path / "none.json"), *words, exit_code=1)
    assert error.startswith(f"train_solov2.py: {tmp_path / 'none.json'}: ") and "Traceback" not in error

    def stopping(trainer, *args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        return loss(trainer, *args, **kwargs)

    loss = SegmentationTrainer.compute_loss
    monkeypatch.setattr(SegmentationTrainer, "compute_loss", stopping)
    annotations = str(shapes / "annotations" / "instances_train.json")
    error = script("train_solov2", "--train_annotations", annotations, *words, exit_code=143)
    said = "train_solov2.py: interrupted (a checkpoint of step 1 was saved); go on with --resume_from_checkpoint "
    assert error.splitlines()[-1].endswith(f"{said}OUTPUT_DIR/checkpoint-STEP")  # behind the progress bar
    assert (tmp_path / "out" / "checkpoint-1").is_dir()


def results(folder: Path) -> dict:
    return json.loads((folder / "all_results.json").read_text())


def test_the_whole_loop(shapes, tmp_path, script, hub):
    annotations = {part: str(shapes / "annotations" / f"instances_{part}.json") for part in ("train", "val")}
    images = ["--image_dir", str(shapes / "images")]
    train = ["--train_annotations", annotations["train"], *images, "--labeled_fraction", "0.4", *FAST]
    validate = ["--val_annotations", annotations["val"]]
    teacher, refiner, student = (tmp_path / name for name in ("teacher", "refiner", "student"))

    # The teacher, as a user starts it.
    start = tiny.saved_segmenter(tmp_path / "start")
    words = [*train, *validate, *SIZE, "--model_name_or_path", start, "--output_dir", str(teacher)]
    command = [sys.executable, str(EXAMPLES / "train_solov2.py"), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "eval_AP50" in done.stdout and {"train_loss", "eval_AP", "eval_AR100"} <= results(teacher).keys()

    # Rough masks as labels: every point of the images without masks has one.
    points = ["--annotations", annotations["train"], *images, "--labeled_fraction", "0.4"]
    points += ["--teacher_name_or_path", str(teacher)]
    printed = script("label_with_points", *points, "--output_file", str(tmp_path / "rough.json"))
    assert "mean_iou" in printed and "in 5 images" in printed

    # The refiner learns from rough masks of two checkpoints of the teacher, and goes to the Hub.
    checkpoints = [str(teacher / f"checkpoint-{step}") for step in (1, 2)]
    options = [*train, *validate, "--teacher_names_or_paths", *checkpoints, "--output_dir", str(refiner)]
    options += ["--model_name_or_path", tiny.saved_refiner(tmp_path / "refiner_start")]
    script("train_mask_refine_net", *options, "--push_to_hub", "--hub_model_id", "tester/refiner")
    assert {"train_loss", "eval_loss"} <= results(refiner).keys()
    state = json.loads((refiner / "trainer_state.json").read_text())
    rates = [entry["learning_rate"] for entry in state["log_history"] if "learning_rate" in entry]
    assert max(rates) == pytest.approx(1e-4)  # of MaskRefineNet, not of SOLOv2

    # Refined masks, the student, and its evaluation.
    labels = tmp_path / "labels" / "refined.json"
    script("label_with_points", *points, "--refiner_name_or_path", str(refiner), "--output_file", str(labels))
    refined, rough = (load_coco(path, shapes / "images") for path in (labels, tmp_path / "rough.json"))
    assert len(refined) == len(rough) == 5 and refined["objects"] != rough["objects"]
    assert all(item["segmentation"] for objects in refined["objects"] for item in objects)
    options = [*train, *validate, *SIZE, "--pseudo_labels", str(labels), "--full_repeats", "2"]
    options += ["--model_name_or_path", str(teacher), "--output_dir", str(student)]
    script("train_student", *options, "--weigh_pseudo_labels", "--push_to_hub", "--hub_model_id", "tester/student")
    assert results(student).keys() >= {"train_loss", "eval_AP"}

    model = ["--model_name_or_path", str(student), "--annotations", annotations["val"], *images, "--use_cpu"]
    model += ["--output_dir", str(tmp_path / "evaluation")]
    table = script("evaluate", *model, "--max_detections", "200")
    assert table.splitlines()[-1].startswith("ARl") and "AP@100" in table and "\nAR200   " in table
    clicks = script("evaluate", *model, "--clicks", "--random_points")
    assert "class_accuracy  " in clicks and "\n  star  " in clicks and "\nauroc  " in clicks

    # What is on the Hub is what was trained, with our card.
    assert [name for _, name in hub.repositories] == ["tester/refiner", "tester/student"]
    for folder, name in ((refiner, "tester/refiner"), (student, "tester/student")):
        files = hub.files(name)
        assert is_saved_model(folder) and files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
        assert b"library_name: pointwssis" in files["README.md"] and b"preprocessor_config" not in files["README.md"]
        assert "preprocessor_config.json" in files


def test_new_models_from_a_pretrained_backbone(shapes, tmp_path, script, monkeypatch):
    """The models are as large as by default, so they are built, but neither trained nor saved."""
    config = {name: value for name, value in tiny.RESNET.items() if name != "model_type"}
    backbone = str(tmp_path / "backbone")
    ResNetBackbone(ResNetConfig(**config)).save_pretrained(backbone)
    ConvNextImageProcessorPil().save_pretrained(backbone)
    built = []

    def train(self, resume_from_checkpoint=None):
        built.append(self)
        return TrainOutput(0, 0.0, {"train_loss": 0.0})

    monkeypatch.setattr(SegmentationTrainer, "train", train)
    monkeypatch.setattr(SegmentationTrainer, "save_model", lambda self: None)
    annotations = str(shapes / "annotations" / "instances_train.json")
    options = ["--train_annotations", annotations, "--image_dir", str(shapes / "images")]
    options += ["--backbone_name_or_path", backbone, "--use_cpu", "--output_dir", str(tmp_path / "out")]
    script("train_solov2", *options)
    script("train_student", *options, "--pseudo_labels", annotations)
    teacher = tiny.saved_segmenter(tmp_path / "tiny")
    script("train_mask_refine_net", *options, "--teacher_names_or_paths", teacher, "--milestones", "0.5")
    # The refiner of the package is called by name.
    script("train_mask_refine_net", *options, "--teacher_names_or_paths", teacher, "--model_name_or_path", "general")

    solov2, student, refiner, general = built
    packaged = tiny.refiner_state_of(GENERAL_REFINER_FOLDER)
    assert tiny.same_weights(general.model.state_dict(), packaged)
    assert tuple(solov2.model.config.num_grids) == TEACHER_NUM_GRIDS
    assert solov2.model.config.id2label == student.model.config.id2label == dict(enumerate(tiny.NAMES))
    assert student.model.config.num_grids == SOLOv2Config().num_grids
    assert solov2.data_collator.shortest_edges == [640, 672, 704, 736, 768, 800]
    assert solov2.processing_class.size == {"shortest_edge": 800, "longest_edge": 1333}
    assert (solov2.args.max_steps, solov2.args.optim, refiner.args.optim) == (270_000, "sgd", "adamw_torch")
    assert (refiner.args.max_steps, refiner.args.milestones) == (200_000, [0.5])
