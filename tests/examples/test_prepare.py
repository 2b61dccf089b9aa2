# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The example scripts that prepare datasets, as users start them, with tiny data."""

import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image

from helpers.paths import EXAMPLES
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.ops.coco_masks import encode_mask


def test_coco(shapes, tmp_path, script):
    out = tmp_path / "prepared"
    words = ["--data_dir", str(shapes), "--output_dir", str(out)]
    command = [sys.executable, str(EXAMPLES / "prepare_coco.py"), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(out / "README.md") in done.stdout
    assert list(prepared_files(out)) == [*(f"coco{p}" for p in (1, 2, 5, 10, 20, 30, 40, 50)), "all", "train5k"]
    assert f"prepare_coco.py: {out}: is not empty" in script("prepare_coco", *words, exit_code=1)
    other = [
        "--data_dir",
        str(shapes),
        "--output_dir",
        str(tmp_path / "other"),
        "--seed",
        "3",
        "--percentages",
        "25",
        "75",
    ]
    script("prepare_coco", *other, "--no_check_images", "--skip_bad")
    assert list(prepared_files(tmp_path / "other")) == ["coco25", "coco75", "all", "train5k"]
    assert len(open_prepared(tmp_path / "other", "coco75")["full"]) == 6


def test_coco_to_the_hub(hub, shapes, tmp_path, script):
    words = ["--data_dir", str(shapes), "--output_dir", str(tmp_path / "out"), "--percentages", "50", "--embed_images"]
    assert "--hub_dataset_id" in script("prepare_coco", *words, "--push_to_hub", exit_code=2)  # where to?
    assert not (tmp_path / "out").exists()
    said = script("prepare_coco", *words, "--push_to_hub", "--hub_dataset_id", "tester/shapes", "--hub_private")
    assert said.splitlines()[-1].endswith("datasets/tester/shapes")
    rows = open_prepared("tester/shapes", "coco50")["full"]
    assert len(rows) == 4 and rows[0]["image"]["bytes"]


def test_bdd100k(tmp_path, script):
    mask = np.zeros((18, 32), dtype=bool)
    mask[4:10, 3:13] = True
    labels = {"train": "rle", "val": "rle", "det": "box2d"}
    places = {"train": "10k/train", "val": "10k/val", "det": "100k/train"}
    values = {"rle": encode_mask(mask), "box2d": {"x1": 3, "y1": 4, "x2": 12, "y2": 9}}
    for kind, key in labels.items():
        folder = tmp_path / "bdd" / "images" / places[kind]
        folder.mkdir(parents=True)
        Image.new("RGB", (32, 18)).save(folder / f"{kind}.jpg")
        frames = [{"name": f"{kind}.jpg", "labels": [{"id": "1", "category": "car", key: values[key]}]}]
        file = "det_20/det_train.json" if kind == "det" else f"ins_seg/rles/ins_seg_{kind}.json"
        path = tmp_path / "bdd" / "labels" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(frames))
    words = ["--data_dir", str(tmp_path / "bdd"), "--output_dir", str(tmp_path / "out")]
    error = script("prepare_bdd100k", *words, "--masks", "polygons", exit_code=1)
    assert "has the forms of masks ['rles']" in error and error.count("\n") == 1
    assert str(tmp_path / "out") in script("prepare_bdd100k", *words)
    opened = open_prepared(tmp_path / "out", "bdd67k", tmp_path / "bdd")
    assert {name: rows["file_name"][:] for name, rows in opened.items()} == {
        "full": ["train.jpg"],
        "point": ["det.jpg"],
        "validation": ["val.jpg"],
    }
