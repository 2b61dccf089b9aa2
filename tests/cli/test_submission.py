# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict --test_dev`: detections for COCO's evaluation server."""

import json
from pathlib import Path

import pytest

from helpers import tiny
from helpers.predictions import predict
from pointwssis.cli.main import main


@pytest.fixture
def image_info(tmp_path, images) -> Path:
    """Return a list of two of the three images; ids of images and categories have gaps, as in COCO."""
    listed = [{"id": 581929, "file_name": "b.JPG"}, {"id": 17, "file_name": "a.png"}]
    categories = [{"id": 90 - 7 * index, "name": name} for index, name in enumerate(["person", *tiny.NAMES])]
    path = tmp_path / "image_info_test-dev2017.json"
    path.write_text(json.dumps({"images": listed, "categories": categories}))
    return path


def test_a_submission_holds_every_detection_under_the_ids_of_the_server(models, images, image_info, tmp_path):
    out = tmp_path / "out"
    words = [str(models / "student"), str(images / "two"), "--output_dir", str(out)]
    assert main(["predict", *words, "--test_dev", str(image_info)]) == 0
    assert [path.name for path in out.iterdir()] == ["detections_test-dev2017_pointwssis_results.json"]
    records = json.loads(next(out.iterdir()).read_text())
    plain, _ = predict(models, tmp_path / "plain", str(images / "two"), "--threshold", "0")
    names = {category["id"]: category["name"] for category in json.loads(image_info.read_text())["categories"]}
    files = {581929: "b.JPG", 17: "a.png"}
    expected = {image["id"]: image["file_name"] for image in plain["images"]}
    classes = {category["id"]: category["name"] for category in plain["categories"]}
    found = sorted((files[r["image_id"]], names[r["category_id"]], r["score"]) for r in records)
    wanted = [(expected[a["image_id"]], classes[a["category_id"]], a["score"]) for a in plain["annotations"]]
    assert found == sorted(wanted) and len(found) > 3
    assert all(set(record["segmentation"]) == {"size", "counts"} for record in records)


def test_what_a_submission_refuses(models, images, image_info, tmp_path, capsys):
    words = ["predict", str(models / "student"), str(images / "one"), "--output_dir", str(tmp_path / "out")]
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "1 of 2 images were not found, such as b.JPG" in capsys.readouterr().err
    assert main([*words, "--test_dev", str(image_info), "--refiner", "general"]) == 1
    assert "--test_dev takes no --points and no --refiner" in capsys.readouterr().err
    content = json.loads(image_info.read_text())
    image_info.write_text(json.dumps({**content, "categories": content["categories"][:2]}))
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "has no category" in capsys.readouterr().err
    image_info.write_text("[]")
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "not a list of images in COCO's format" in capsys.readouterr().err
    assert main([*words, "--test_dev", str(tmp_path / "nowhere.json")]) == 1
    assert "expected image_info_test-dev2017.json" in capsys.readouterr().err
