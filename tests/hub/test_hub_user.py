# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The steps of a user, in separate processes: train and push, pull by name, go offline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from transformers import pipeline

from helpers import tiny
from pointwssis.runs.publish import publish
from pointwssis.runs.run import Run

REPO = "pointwssis/teacher-coco10"
POINTS = [(10, 20), (50, 40), (33, 12)]

PULL = """
import json, sys
import pointwssis
from transformers import AutoImageProcessor, AutoModelForInstanceSegmentation, pipeline

name, image, points = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = AutoModelForInstanceSegmentation.from_pretrained(name)
by_hand = pipeline("point-instance-segmentation", model=model, image_processor=AutoImageProcessor.from_pretrained(name))
by_name = pipeline("point-instance-segmentation", model=name)
answers = [each(image, points=points, mask_format="rle") for each in (by_hand, by_name)]
try:
    pointwssis.SOLOv2ForInstanceSegmentation.from_pretrained("pointwssis/student-coco10")
except OSError as error:
    answers.append(str(error))
print(json.dumps(answers))
"""


def started(*words: str, **environment: str) -> str:
    """Return the output of another Python process, which must succeed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def trained(hub, shapes, tmp_path) -> Path:
    """Return the folder of the teacher of a run, which is also on the Hub."""
    run = Run(tiny.recipe(tmp_path / "out", data_dir=str(shapes)))
    run.teacher()
    assert publish(tmp_path / "out" / "teacher", REPO) == {"teacher": f"{hub.url}/{REPO}"}
    return tmp_path / "out" / "teacher"


def test_train_push_pull_and_offline(trained, hub, shapes, tmp_path):
    # What is on the Hub: the model, its processor, what was measured, and no path of this machine.
    files = hub.files(REPO)
    assert {"README.md", "config.json", "model.safetensors", "preprocessor_config.json", "curves.png"} <= files.keys()
    assert not any(str(tmp_path).encode() in content for content in files.values())
    assert files["model.safetensors"] == (trained / "model.safetensors").read_bytes()
    data = ModelCard(files["README.md"].decode()).data
    metrics = json.loads((trained / "metrics.json").read_text())
    assert data.library_name == "pointwssis" and data.model_name == "teacher-coco10"
    assert {one.metric_type: one.metric_value for one in data.eval_results} == {
        name: round(100 * value, 2) for name, value in metrics.items() if value is not None
    }

    # In a new process, with an empty cache: the same masks as here from the folder.
    image = str(next((shapes / "images").glob("val*.png")))
    local = pipeline("point-instance-segmentation", model=str(trained))(image, points=POINTS, mask_format="rle")
    expected = json.loads(json.dumps(local))
    words = ["-c", PULL, REPO, image, json.dumps(POINTS)]
    cache = str(tmp_path / "cache")
    by_hand, by_name, message = json.loads(started(*words, HF_HOME=cache))
    assert by_hand == by_name == expected and len(expected) == len(POINTS)
    assert "student-coco10 is not a local folder" in message and "train with `pointwssis run RECIPE.yaml`" in message

    # Without a network the cache is enough, and what is not in it is one clear error.
    hub.requests.clear()
    by_hand, by_name, message = json.loads(started(*words, HF_HOME=cache, HF_HUB_OFFLINE="1"))
    assert by_hand == by_name == expected and hub.requests == []
    assert "pointwssis/student-coco10 was not found" in message and "train with `pointwssis run RECIPE.yaml`" in message
