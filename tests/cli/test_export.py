# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import pytest

from helpers.exported_files import EXPORTED, accept_exported
from helpers.marked_images import EXPORTS, write_marked_images
from pointwssis.cli.main import main
from pointwssis.data import load_annotations, load_coco_folder
from pointwssis.runs.cache import cached


@pytest.fixture
def labels(shapes, tmp_path):
    """Write rows as a run does; here the labels are masks."""
    dataset = load_coco_folder(shapes)["train"]
    cached(tmp_path / "pseudo", dataset, lambda rows: rows)
    return dataset, tmp_path / "pseudo"


@pytest.mark.parametrize("format", EXPORTED)
def test_labels_of_a_run_come_back_from_every_format(shapes, labels, tmp_path, capsys, format):
    dataset, folder = labels
    output = tmp_path / "new" / "labels"
    assert main(["export", str(folder), "--format", format, "--output", str(output)]) == 0
    assert f"{len(dataset)} images" in capsys.readouterr().out
    accept_exported(output, format)
    if format == "label_studio":
        assert "<BrushLabels" in (tmp_path / "new" / "labels.interface.xml").read_text()
    back = load_annotations(output / "data.yaml" if format == "yolo" else output, shapes / "images")
    masks = {row["file_name"]: [item["segmentation"] for item in row["objects"]] for row in dataset}
    found = {row["file_name"].rpartition("/")[2]: [item["segmentation"] for item in row["objects"]] for row in back}
    assert found == {name.rpartition("/")[2]: those for name, those in masks.items()}


def test_a_folder_of_labelme_is_exported_too(tmp_path):
    images, output = write_marked_images(tmp_path / "images"), tmp_path / "labels.json"
    words = ["--image_dir", str(images), "--format", "labelme", "--output", str(tmp_path / "labelme")]
    assert main(["export", str(EXPORTS / "cvat.xml"), *words]) == 0
    words = ["--image_dir", str(images), "--format", "coco", "--output", str(output)]
    assert main(["export", str(tmp_path / "labelme"), *words]) == 0
    assert json.loads(output.read_text())["annotations"]


def test_a_file_in_the_place_of_the_output_folder(tmp_path, capsys):
    images = write_marked_images(tmp_path / "images")
    words = ["--image_dir", str(images), "--format", "coco", "--output", str(EXPORTS / "clicks.csv" / "new.json")]
    assert main(["export", str(EXPORTS / "clicks.csv"), *words]) == 1
    assert "a file is in the place of this folder" in capsys.readouterr().err


def test_an_annotation_file_is_exported_too(tmp_path):
    images = write_marked_images(tmp_path / "images")
    output = tmp_path / "tasks.json"
    words = ["--format", "label_studio", "--output", str(output), "--image_prefix", "https://example.com/"]
    assert main(["export", str(EXPORTS / "clicks.csv"), "--image_dir", str(images), *words]) == 0
    assert json.loads(output.read_text())[4]["data"]["image"] == "https://example.com/my%20photo%20%281%29.png"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clicks.csv", "--format", "coco", "--output", "new.json"], "--image_dir"),
        (["clicks.csv", "--format", "coco", "--output", "clicks.csv"], "already exists"),
        ([".", "--format", "coco", "--output", "new.json"], "not a dataset folder"),
        (
            ["clicks.csv", "--format", "cvat", "--output", "x", "--image_prefix", "y"],
            "--image_prefix applies to label_studio",
        ),
        (["gone.csv", "--format", "cvat", "--output", "x", "--image_dir", "."], "gone.csv: no such file or folder"),
    ],
)
def test_wrong_input_is_one_line(monkeypatch, capsys, words, message):
    monkeypatch.chdir(EXPORTS)
    assert main(["export", *words]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_boxes_go_to_a_tool(tmp_path, capsys):
    images = write_marked_images(tmp_path / "images")
    image, box = {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}, [10, 5, 10, 10]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "segmentation": []}
    content = {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "Car"}]}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    words = ["export", str(tmp_path / "boxes.json"), "--image_dir", str(images), "--format", "cvat", "--output"]
    assert main([*words, str(tmp_path / "no.xml")]) == 1 and "--point_source box_center" in capsys.readouterr().err
    options = ["--point_source", "box_center", "--label_map.Car", "car"]
    assert main([*words, str(tmp_path / "boxes.xml"), *options]) == 0
    back = load_annotations(tmp_path / "boxes.xml", images)
    assert back[0]["objects"][0]["bbox"] == box and '<box label="car"' in (tmp_path / "boxes.xml").read_text()
    assert main([*words, str(tmp_path / "other.xml"), "--seed", "1"]) == 1
    assert "unknown option --seed" in capsys.readouterr().err


def test_an_interface_that_is_there_is_kept(tmp_path, capsys):
    images = write_marked_images(tmp_path / "images")
    (tmp_path / "tasks.interface.xml").write_text("<View/>")
    words = ["--image_dir", str(images), "--format", "label_studio", "--output", str(tmp_path / "tasks.json")]
    assert main(["export", str(EXPORTS / "clicks.csv"), *words]) == 1
    assert "tasks.interface.xml: already exists" in capsys.readouterr().err
    assert (tmp_path / "tasks.interface.xml").read_text() == "<View/>" and not (tmp_path / "tasks.json").exists()
