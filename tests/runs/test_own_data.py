# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Own data: a folder of images, a COCO file with the masks of a few, a table of clicks on the others."""

import json

import pytest

from helpers.paths import ROOT
from helpers.tiny import recipe
from pointwssis.cli.main import main
from pointwssis.data import class_names, load_coco_folder, supervision, to_coco
from pointwssis.models.factory import is_saved_model
from pointwssis.runs.data import load_data


@pytest.fixture
def files(shapes, tmp_path, monkeypatch):
    """Write synthetic shapes as a user would label them, to the working directory.

    Three images have masks, four have clicks with other class names, and one has no label.
    """
    splits = load_coco_folder(shapes)
    content = to_coco(splits["train"].select(range(3)))
    (tmp_path / "masks.json").write_text(json.dumps(content))
    names = class_names(splits["train"])
    lines = [
        f"{row['file_name']},{item['point'][0]},{item['point'][1]},{names[item['category']].title()}"
        for row in splits["train"].select(range(3, 7))
        for item in row["objects"]
    ]
    (tmp_path / "clicks.csv").write_text("\n".join(["image,x,y,label", *lines, ""]))
    (tmp_path / "val.json").write_text(json.dumps(to_coco(splits["validation"])))
    (tmp_path / "images").symlink_to(shapes / "images")
    monkeypatch.chdir(tmp_path)
    label_map = {name.title(): name for name in names}
    return {"train_annotations": ["masks.json", "clicks.csv"], "image_dir": "images", "label_map": label_map}


def test_one_command_from_masks_and_clicks_to_a_student(files, tmp_path):
    command = ["run", str(ROOT / "examples" / "recipes" / "own_data.yaml")]
    command += [
        "--train_annotations",
        "masks.json,clicks.csv",
        "--val_annotations",
        "val.json",
        "--image_dir",
        "images",
    ]
    small = {"shortest_edge": 64, "longest_edge": 64}
    small_steps = ["--max_steps", "1", "--bf16", "false", "--image_size", json.dumps(small)]
    small_steps += ["--model.num_grids", "[8, 6, 4, 3, 2]"]
    small_steps += ["--training.per_device_train_batch_size", "2", "--refiner.per_device_train_batch_size", "2"]
    assert main([*command, *small_steps, "--label_map", json.dumps(files["label_map"])]) == 0
    results = json.loads((tmp_path / "outputs" / "mine" / "results.json").read_text())
    student = tmp_path / "outputs" / "mine" / "student_refined"
    assert is_saved_model(student) and "AP" in json.dumps(results)
    labels = json.loads((tmp_path / "outputs" / "mine" / "pseudo" / "refined.json").read_text())
    clicks = (tmp_path / "clicks.csv").read_text().count("\n") - 1
    assert len(labels["annotations"]) == clicks  # one mask per click


def test_what_the_files_become(files, tmp_path):
    data = load_data(recipe(tmp_path / "out", labeled_fraction=None, val_annotations="val.json", **files))
    assert (len(data.full), len(data.point), len(data.without_points), len(data.validation)) == (3, 4, 0, 3)
    assert data.class_names == class_names(data.validation) and not data.ground_truth_is_known
    assert all(item["category"] is not None for row in data.point for item in row["objects"])


def test_images_that_no_file_names_are_unlabeled(files, tmp_path):
    options = {"labeled_fraction": None, "include_unlabeled": True, **files}
    data = load_data(recipe(tmp_path / "out", val_annotations="val.json", **options))
    assert len(data.without_points) == 1 and supervision(data.without_points[0]) == "none"
    assert (
        len(load_data(recipe(tmp_path / "out", **options)).without_points) == 1 + 3
    )  # nothing says that they are to evaluate on
    with pytest.raises(ValueError, match="include_unlabeled requires train_annotations"):
        load_data(recipe(tmp_path / "out", data_dir="images", include_unlabeled=True))


def test_files_may_say_for_all_images_that_not_all_is_marked(files, tmp_path):
    data = load_data(recipe(tmp_path / "out", labeled_fraction=None, complete=False, **files))
    assert not any(data.train["complete"]) and (len(data.full), len(data.point)) == (3, 4)
    with pytest.raises(ValueError, match="complete requires train_annotations"):
        load_data(recipe(tmp_path / "out", data_dir="images", complete=False))


def test_labels_that_differ_in_spelling_are_one_error(files, tmp_path):
    with pytest.raises(ValueError, match=r"looks like .*--label_map"):
        load_data(recipe(tmp_path / "out", labeled_fraction=None, **files | {"label_map": {}}))


def test_a_bare_click_in_a_mask_belongs_to_it(files, tmp_path):
    masks = json.loads((tmp_path / "masks.json").read_text())
    name, x, y = masks["images"][0]["file_name"], *masks["annotations"][0]["point"]
    (tmp_path / "more.csv").write_text(f"image,x,y\n{name},{x},{y}\n")
    options = {"labeled_fraction": None, "image_dir": "images"}
    one = load_data(recipe(tmp_path / "out", train_annotations="masks.json", **options))
    for files in (["masks.json", "more.csv"], ["more.csv", "masks.json"]):
        both = load_data(recipe(tmp_path / "out", train_annotations=files, **options))
        assert sorted(len(row["objects"]) for row in both.train) == sorted(len(row["objects"]) for row in one.train)
    with pytest.raises(ValueError, match="more.csv: there is no label"):
        load_data(recipe(tmp_path / "out", train_annotations="more.csv", **options))


def test_a_validation_file_has_no_class_of_its_own(files, tmp_path):
    content = json.loads((tmp_path / "val.json").read_text())
    content["categories"][0]["name"] = "Elipse"
    (tmp_path / "val.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"val.json: \['Elipse'\] are not among the classes .*'Elipse' → 'ellipse'"):
        load_data(recipe(tmp_path / "out", labeled_fraction=None, val_annotations="val.json", **files))
