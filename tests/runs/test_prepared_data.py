# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Runs on prepared datasets: the same data as from the files that they were prepared from."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.cli.main import main
from pointwssis.data import class_names
from pointwssis.data.prepared.dataset_card import About, dataset_card
from pointwssis.data.prepared.opening import open_ground_truth, open_prepared, prepared_files
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.data.prepared.push import push_prepared
from pointwssis.data.prepared.writing import Split, rows_on_disk, whole_folder, write_files
from pointwssis.ops.user_error import UserError
from pointwssis.runs import data_record
from pointwssis.runs.data import load_data
from pointwssis.runs.data_record import DataRecord


@pytest.fixture(scope="module")
def prepared(shapes, tmp_path_factory) -> Path:
    return prepare_coco(shapes, tmp_path_factory.mktemp("prepared") / "shapes", percentages=(50,))


def by_id(rows):
    return {row["image_id"]: row for row in rows}


def assert_same(data, other) -> None:
    for name in ("train", "full", "point", "image", "none", "validation"):
        assert by_id(getattr(data, name)) == by_id(getattr(other, name)), name
    assert data.class_names == other.class_names and data.ground_truth_is_known == other.ground_truth_is_known


@pytest.mark.parametrize("fraction", [0.1, None])  # which has no say
def test_a_configuration_that_is_split(prepared, shapes, tmp_path, fraction):
    names = {"dataset_name": str(prepared), "dataset_config": "coco50", "image_dir": str(shapes)}
    data = load_data(recipe(tmp_path, labeled_fraction=fraction, **names))
    assert_same(data, load_data(recipe(tmp_path, labeled_fraction=0.5, data_dir=str(shapes))))
    assert data.ground_truth_is_known and len(data.masked) == 4


@pytest.mark.parametrize("fraction", [0.3, None])
def test_a_configuration_with_everything(prepared, shapes, tmp_path, fraction):
    names = {"dataset_name": str(prepared), "dataset_config": "all", "image_dir": str(shapes)}
    data = load_data(recipe(tmp_path, labeled_fraction=fraction, **names))
    assert_same(data, load_data(recipe(tmp_path, labeled_fraction=fraction, data_dir=str(shapes))))


def test_from_the_hub_with_its_images(hub, shapes, tmp_path):
    folder = prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True)
    push_prepared(folder, "tester/shapes")
    data = load_data(recipe(tmp_path, dataset_name="tester/shapes", dataset_config="coco50"))
    other = load_data(recipe(tmp_path, labeled_fraction=0.5, data_dir=str(shapes)))
    assert data.ground_truth_is_known and set(data.full["image_id"]) == set(other.full["image_id"])
    assert {row["image_id"]: row["objects"] for row in data.train} == {
        row["image_id"]: row["objects"] for row in other.train
    }


def test_without_hidden_labels_and_without_points(shapes, prepared, tmp_path):
    rows = open_prepared(prepared, "coco50", shapes)
    about = About("Shapes", "Drawn.", "None.", "Here.", "None.", {"license": "other"})
    with whole_folder(tmp_path / "own") as folder:
        full, point = (
            rows_on_disk(rows[name], class_names(rows[name]), folder / f"{name}.arrow") for name in ("full", "point")
        )
        parts = {"full": Split(full, range(4)), "point": Split(point, range(4))}
        configs = {"both": parts, "full": {"full": parts["full"]}}
        contents = write_files(folder, configs, shapes)
        (folder / "README.md").write_text(dataset_card(about, contents, False), encoding="utf-8")
    assert open_ground_truth(tmp_path / "own") is None and open_ground_truth(prepared) is not None
    names = {"dataset_name": str(tmp_path / "own"), "image_dir": str(shapes)}
    data = load_data(recipe(tmp_path, dataset_config="both", **names))
    assert (len(data.train), len(data.full), len(data.point), data.validation) == (8, 4, 4, None)
    assert not data.ground_truth_is_known
    data = load_data(recipe(tmp_path, dataset_config="full", **names))
    assert (len(data.train), len(data.full), len(data.point)) == (4, 4, 0) and data.ground_truth_is_known


def test_what_a_run_cannot_use(prepared, shapes, tmp_path):
    names = {"dataset_name": str(prepared), "image_dir": str(shapes)}
    with pytest.raises(ValueError, match="'train5k', which has the splits point, truth; a run requires full"):
        load_data(recipe(tmp_path, dataset_config="train5k", **names))
    with pytest.raises(ValueError, match="use one of coco50, all, train5k"):
        load_data(recipe(tmp_path, **names))
    with pytest.raises(ValueError, match="holds no images; give image_dir"):
        load_data(recipe(tmp_path, dataset_name=str(prepared), dataset_config="coco50"))
    with pytest.raises(FileNotFoundError, match="not a prepared dataset"):
        load_data(recipe(tmp_path, dataset_name=str(shapes), dataset_config="coco50"))


def test_pointwssis_run(prepared, shapes, tmp_path, capsys):
    words = [
        "run",
        str(tiny.recipe_file(tmp_path / "r.yaml")),
        "--output_dir",
        str(tmp_path / "out"),
        "--max_steps",
        "1",
    ]
    words += ["--dataset_name", str(prepared), "--dataset_config", "coco50", "--image_dir", str(shapes)]
    assert main([*words, "--stages", "teacher,rough,pseudo"]) == 0
    assert "4 images with masks, 4 with points" in capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["teacher"]["AP"] is not None and results["pseudo_labels"]["rough"]["AP"] is not None
    assert sorted(path.suffix for path in (prepared / "data").iterdir()) == [".arrow"] * 5
    assert main([*words, "--dataset_config", "all"]) == 1
    assert "other settings of dataset_config" in capsys.readouterr().err


def test_stored_images_are_read_only_if_their_files_have_changed(shapes, tmp_path, monkeypatch):
    folder, run = prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True), tmp_path / "run"
    run.mkdir()

    def record() -> DataRecord:
        return DataRecord(run, load_data(recipe(run, dataset_name=str(folder), dataset_config="coco50")))

    record().save()
    # Unchanged files: no image is read.
    digest = data_record._digest_of_bytes
    monkeypatch.setattr(data_record, "_digest_of_bytes", lambda data: pytest.fail("an image was read"))
    assert record().changes() == {}
    # Another time of modification: all are read, and are the same.
    monkeypatch.setattr(data_record, "_digest_of_bytes", digest)
    for path in folder.rglob("*.arrow"):
        os.utime(path, ns=(0, 0))
    assert record().changes() == {}
    # Another image: it is named.
    changed = shutil.copytree(shapes, tmp_path / "shapes")
    image = min(changed.rglob("images/**/*.png"))
    ImageOps.invert(Image.open(image)).save(image)
    shutil.rmtree(folder)
    prepare_coco(changed, folder, percentages=(50,), embed_images=True)
    differences = [text.partition(": ")[2] for text in record().changes()]
    assert differences and all(text.startswith("1 of ") and image.name in text for text in differences)


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_of_a_prepared_dataset_is_named(shapes, tmp_path, damage):
    folder = prepare_coco(shapes, tmp_path / "out", percentages=(50,))
    path = min(folder.rglob("*.arrow"))
    path.write_bytes({"cut": path.read_bytes()[:300], "empty": b"", "text": b"x" * 1000}[damage])
    configs = [config for config, splits in prepared_files(folder).items() if str(splits).count(path.name)]
    with pytest.raises(UserError) as caught:
        open_prepared(folder, configs[0], shapes)
    assert str(caught.value).startswith(f"{path}: cannot be read") and "\n" not in str(caught.value)


def test_a_dataset_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match="/nowhere: neither the folder of a prepared dataset nor a dataset on the Hub"):
        open_prepared("/nowhere")
