# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis check`: its report, its exit code, its files."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.data import export_annotations, load_coco_folder, to_yolo
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.planning.proposal import propose
from pointwssis.runs.recipe import Recipe


@pytest.fixture
def folder(shapes, tmp_path) -> Path:
    """Copy the synthetic shapes, so that a test may damage them."""
    return Path(shutil.copytree(shapes, tmp_path / "data"))


def damage(folder: Path, split: str, change) -> None:
    path = folder / "annotations" / f"instances_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def split_in_two(path: Path, folder: Path) -> list[str]:
    """Write the annotations of the first and of the other images to two files."""
    content = json.loads(path.read_text())
    middle, names = len(content["images"]) // 2, []
    for name, images in (("a.json", content["images"][:middle]), ("b.json", content["images"][middle:])):
        ids = {image["id"] for image in images}
        annotations = [item for item in content["annotations"] if item["image_id"] in ids]
        (folder / name).write_text(json.dumps({**content, "images": images, "annotations": annotations}))
        names.append(str(folder / name))
    return names


def annotations_of_validation(shapes: Path) -> list[str]:
    """Return the options for images and validation."""
    file = shapes / "annotations" / "instances_val.json"
    return ["--image_dir", str(shapes / "images"), "--val_annotations", str(file)]


def test_yolo_data(shapes, tmp_path, capsys):
    splits = load_coco_folder(shapes)
    to_yolo(splits["train"], tmp_path / "yolo")
    assert main(["check", str(tmp_path / "yolo" / "data.yaml")]) == 0
    alone = capsys.readouterr().out
    assert alone.startswith("train: 8 images, ") and "validation" not in alone
    to_yolo(splits["validation"], tmp_path / "yolo", "val")
    assert main(["check", str(tmp_path / "yolo" / "data.yaml")]) == 0
    assert "validation: 3 images" in capsys.readouterr().out


def test_a_folder_of_annotation_files(shapes, tmp_path, capsys):
    rows = load_coco_folder(shapes)["train"]
    folder = export_annotations(rows, tmp_path / "labelme", "labelme")
    (tmp_path / "clicks.csv").write_text("image,x,y,label\ntrain_00000.png,3,3,star\n")
    images = ["--image_dir", str(shapes / "images")]
    assert main(["check", str(folder), *images]) == 0
    assert capsys.readouterr().out.startswith("train: 8 images, ")
    assert main(["check", str(folder), str(tmp_path / "clicks.csv"), *images, "--skip_bad"]) == 0
    assert capsys.readouterr().out.startswith("train: 8 images, ")


@pytest.mark.parametrize("config", ["all", "coco50"])
def test_prepared_data(shapes, tmp_path, capsys, config):
    prepared = prepare_coco(shapes, tmp_path / "prepared", percentages=(50,))
    words = ["--dataset_config", config, "--image_dir", str(shapes)]
    assert main(["check", str(prepared), *words]) == 0
    assert capsys.readouterr().out.startswith("train: 8 images, ")


def test_sound_data(shapes, tmp_path, capsys):
    words = ["--json", str(tmp_path / "check.json"), "--contact_sheet", str(tmp_path / "sheet.png")]
    assert main(["check", str(shapes), *words, "--image_size.shortest_edge", "64"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("train: 8 images, ") and "validation: 3 images" in printed
    assert "Nothing would stop training." in printed and "shortest edge 64" in printed
    assert json.loads((tmp_path / "check.json").read_text())["splits"]["validation"]["images"] == 3
    assert Image.open(tmp_path / "sheet.png").width > 500


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--json", "instances_val.json", "instances_val.json: is one of the files to be checked"),
        ("--write_recipe", "instances_train.json", "instances_train.json: is one of the files to be checked"),
        ("--contact_sheet", "sheet", "--contact_sheet is sheet: not the name of a picture, such as sheet.png"),
        ("--contact_sheet", "sheet.xyz", "not the name of a picture"),
        ("--json", "nowhere/check.json", "cannot be written"),
        ("--minutes", "inf", "--minutes is inf; it must be a positive number"),
        ("--minutes", "nan", "--minutes is nan; it must be a positive number"),
    ],
)
def test_reports_never_replace_data_and_are_refused_at_once(
    shapes, tmp_path, monkeypatch, capsys, option, name, message
):
    shutil.copytree(shapes / "annotations", tmp_path / "annotations")
    monkeypatch.chdir(tmp_path / "annotations")
    before = {path.name: path.read_bytes() for path in Path.cwd().iterdir()}
    words = ["--image_dir", str(shapes / "images"), "--val_annotations=instances_val.json"]
    assert main(["check", "instances_train.json", *words, option, name]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""
    assert before == {path.name: path.read_bytes() for path in Path.cwd().iterdir()}


def test_the_same_data_by_other_names(shapes, tmp_path, capsys):
    annotations = shapes / "annotations"
    named = {
        "folder": [str(shapes)],
        "option": ["--data_dir", str(shapes)],
        "file": [str(annotations / "instances_train.json"), "--image_dir", str(shapes / "images"),
                 "--val_annotations", str(annotations / "instances_val.json")],
    }  # fmt: skip
    reports = {}
    for name, words in named.items():
        assert main(["check", *words]) == 0
        reports[name] = capsys.readouterr().out
    assert reports["folder"] == reports["option"] == reports["file"]
    half = split_in_two(annotations / "instances_train.json", tmp_path)
    for files in (half, [",".join(half)]):
        named = files if len(files) > 1 else ["--train_annotations", *files]
        assert main(["check", *named, *annotations_of_validation(shapes)]) == 0
        merged = capsys.readouterr().out
        assert merged.startswith("train: 8 images, ") and merged.splitlines()[0] == reports["file"].splitlines()[0]
    recipe = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), labeled_fraction=0.3)
    assert main(["check", str(recipe)]) == 0
    printed = capsys.readouterr().out
    assert "masks                           8         8" in printed  # as the files have it
    assert "10 × 10" in printed and "pyramid of the teacher" not in printed


def test_everything_that_stops_a_training_is_listed(folder, capsys):
    def spoil(content):
        content["annotations"][0]["category_id"] = 99
        content["annotations"][1]["segmentation"] = [[1, 2]]
        content["images"][1]["width"] += 1

    damage(folder, "train", spoil)
    images = sorted((folder / "images").glob("train_*.png"))
    whole = images[3].read_bytes()
    images[2].unlink()
    images[3].write_bytes(whole[: len(whole) // 2])
    body = bytearray(whole)  # damaged in the middle: header and end are fine
    body[len(body) // 2] ^= 0xFF
    images[4].write_bytes(bytes(body))
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr().out
    for name in (images[1].name, images[2].name, images[3].name, images[4].name):
        assert name in printed
    assert "category_id is 99" in printed and printed.count("cannot be decoded") == 2
    assert "1 problem would stop training." in printed

    assert main(["check", str(folder), "--skip_bad"]) == 0
    assert "they are skipped because of skip_bad" in capsys.readouterr().out


def test_warnings_do_not_stop(folder, capsys):
    shutil.copy(folder / "images" / "train_00000.png", folder / "images" / "val_00000.png")
    damage(folder, "train", lambda content: content["annotations"].append({**content["annotations"][0], "id": 10**6}))
    assert main(["check", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "val_00000.png is train_00000.png of train" in printed and "objects with identical masks" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no data; give data_dir"),
        (["nowhere"], "nowhere: no such file or folder; expected a recipe"),
        (["{shapes}", "--imge_size", "3"], "there is no option --imge_size"),
        (["{shapes}", "--seed", "1", "loose"], "unexpected argument 'loose'"),
        (["{shapes}", "{shapes}"], "is a folder; several sources must be annotation files of the same images"),
    ],
)
def test_wrong_input_is_one_line(words, message, shapes, capsys):
    assert main(["check", *[word.format(shapes=shapes) for word in words]]) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("pointwssis check: ") and "Traceback" not in error


def test_a_recipe_is_written(shapes, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pointwssis.planning.proposal.propose", lambda recipe, data, minutes, deep: propose(
        recipe, data, minutes, deep, lambda recipe, rows: 0.5, lambda recipe, rows: 0.5))  # fmt: skip
    path = tmp_path / "mine.yaml"
    assert main(["check", str(shapes), "--write_recipe", str(path), "--minutes", "5", "--seed", "7"]) == 0
    printed = capsys.readouterr().out
    assert f"run it with: pointwssis run {path}" in printed and "about " in printed.splitlines()[-1]
    recipe = Recipe.load(path)
    assert (recipe.data_dir, recipe.seed) == (str(shapes), 7) and recipe.image_size["longest_edge"] == 128


def test_no_recipe_for_data_that_stop_a_training(folder, tmp_path, capsys):
    (folder / "images" / "train_00000.png").write_bytes(b"no image")
    assert main(["check", str(folder), "--write_recipe", str(tmp_path / "mine.yaml")]) == 1
    assert "no recipe was written: first fix the problems that would stop training" in capsys.readouterr().out
    assert not (tmp_path / "mine.yaml").exists()
