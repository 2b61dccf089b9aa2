# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Corrected labels as data of a run: key `corrections` of a recipe."""

import json

import pytest

from helpers import tiny
from pointwssis.data import export_annotations, load_coco_folder, make_object, supervision, to_coco
from pointwssis.data.schema import dataset_from_rows
from pointwssis.runs.data import load_data
from pointwssis.runs.data_record import DataRecord
from pointwssis.runs.outdated import all_changes


@pytest.fixture
def train(shapes):
    return load_coco_folder(shapes)["train"]


def written(path, rows):
    path.write_text(json.dumps(to_coco(rows)))
    return str(path)


def data_of(shapes, tmp_path, corrections=None, **options):
    return load_data(tiny.recipe(tmp_path / "out", data_dir=str(shapes), corrections=corrections, **options))


def test_corrected_images_move_to_those_with_masks(shapes, train, tmp_path):
    before = data_of(shapes, tmp_path, labeled_fraction=0.25)
    name = before.point["file_name"][1]
    # The labels are pseudo labels that were accepted as they are.
    chosen = train.filter(lambda row: row["file_name"] == name).with_format(None)[0]
    for item in chosen["objects"]:
        item.update(score=0.5, level=2, rough_segmentation=item["segmentation"])
    names = before.class_names
    file = written(tmp_path / "corrected.json", dataset_from_rows([chosen], names))
    after = data_of(shapes, tmp_path, file, labeled_fraction=0.25)
    assert after.full["file_name"] == [*before.full["file_name"], name]
    assert sorted([*after.point["file_name"], name]) == sorted(before.point["file_name"])
    row = after.full[len(before.full)]
    assert supervision(row) == "full" and row["image_id"] == before.point["image_id"][1]
    assert row["image"] == before.point[1]["image"]
    # They count as drawn by hand, and their ids are new.
    assert all(item[key] is None for item in row["objects"] for key in ("score", "level", "rough_segmentation"))
    known = {item["id"] for objects in before.train["objects"] for item in objects}
    assert not known & {item["id"] for item in row["objects"]}
    # The ground truth of a trial stays what it is.
    assert after.train["file_name"] == before.train["file_name"] and after.ground_truth_is_known


def test_labels_of_own_data_are_replaced_and_the_last_file_counts(shapes, train, tmp_path):
    masks = written(tmp_path / "masks.json", train.select([0, 1]))
    clicks = tmp_path / "clicks.csv"
    names = [row["file_name"] for row in train.select([2, 3])]
    classes = train.features["objects"].feature["category"].names
    clicks.write_text("\n".join(["image,x,y,label", *(f"{name},9,9,{classes[0]}" for name in names), ""]))
    first = written(tmp_path / "first.json", train.select([2, 3]))
    # In the second file, no object is left in the third image.
    emptied = {**train.with_format(None)[2], "objects": []}
    second = written(tmp_path / "second.json", dataset_from_rows([emptied], classes))
    options = {"train_annotations": [masks, str(clicks)], "image_dir": str(shapes / "images"), "labeled_fraction": None}
    data = load_data(tiny.recipe(tmp_path / "out", corrections=[first, second], **options))
    assert (len(data.full), len(data.point), len(data.train)) == (4, 0, 4) and data.ground_truth_is_known
    objects = dict(zip(data.full["file_name"], data.full["objects"], strict=True))
    assert objects[names[0]] == [] and len(objects[names[1]]) == len(train[3]["objects"])
    # An image with a click that nobody has drawn stays with the points.
    row = {**train.with_format(None)[2], "objects": [make_object(1, 0, point=[3.0, 3.0])]}
    half = export_annotations(dataset_from_rows([row], classes), tmp_path / "half.xml", "cvat")
    data = load_data(tiny.recipe(tmp_path / "out", corrections=str(half), **options))
    assert (len(data.full), len(data.point)) == (2, 2) and [3.0, 3.0] in [o[0]["point"] for o in data.point["objects"]]


def test_images_without_submitted_labels_stay_as_they_are(shapes, train, tmp_path, caplog):
    tasks = tmp_path / "tasks.json"
    export_annotations(train.select([0, 1]), tasks, "label_studio")
    content = json.loads(tasks.read_text())
    content[0]["annotations"] = content[0].pop("predictions")
    tasks.write_text(json.dumps(content))
    options = {"labeled_fraction": None, "point_noise": {}}
    masked = written(tmp_path / "val.json", train.select([5]))
    clicks = tmp_path / "clicks.csv"
    lines = [f"{row['file_name']},9,9,{row_class(train)}" for row in train.select([0, 1])]
    clicks.write_text("\n".join(["image,x,y,label", *lines, ""]))
    options |= {"train_annotations": [masked, str(clicks)], "image_dir": str(shapes / "images")}
    data = load_data(tiny.recipe(tmp_path / "out", corrections=str(tasks), **options))
    assert (len(data.full), len(data.point)) == (2, 1) and data.point["file_name"] == [train["file_name"][1]]
    assert "1 of 2 images have no labels yet" in caplog.text


def test_unfinished_images_of_the_app_stay_as_they_are(shapes, train, tmp_path, caplog):
    before = data_of(shapes, tmp_path, labeled_fraction=0.25)
    names = before.point["file_name"][:2]
    done, unfinished = train.filter(lambda row: row["file_name"] in names).with_format(None)
    # Both have masks, but nobody has looked at those of the second image.
    unfinished["complete"] = False
    for item in unfinished["objects"]:
        item["score"] = 0.5
    file = written(tmp_path / "labels.json", dataset_from_rows([done, unfinished], before.class_names))
    after = data_of(shapes, tmp_path, file, labeled_fraction=0.25)
    assert after.full["file_name"] == [*before.full["file_name"], done["file_name"]]
    assert unfinished["file_name"] in after.point["file_name"]
    assert "1 of 2 images have no labels yet, or are marked as not complete" in caplog.text


def opened_in_the_app(row):
    """Return a row with pseudo labels as the app writes it, not finished; its ids are not those of the run."""
    objects = [{**item, "score": 0.5, "id": 1000 + item["id"]} for item in row["objects"]]
    return {**row, "complete": False, "objects": objects}


def test_single_masks_that_were_confirmed_take_the_places_of_their_clicks(shapes, train, tmp_path, caplog):
    before = data_of(shapes, tmp_path, labeled_fraction=0.25, point_noise={})
    names = [row["file_name"] for row in before.point if len(row["objects"]) > 1][:2]
    first, second = (opened_in_the_app(row) for row in train.with_format(None) if row["file_name"] in names)
    (clicks,) = (row["objects"] for row in before.point if row["file_name"] == first["file_name"])
    for item, click in zip(first["objects"], clicks, strict=True):
        item["point"] = click["point"]
    first["objects"][0]["score"] = None
    file = written(tmp_path / "labels.json", dataset_from_rows([first, second], before.class_names))
    after = data_of(shapes, tmp_path, file, labeled_fraction=0.25, point_noise={})
    # The image stays with the points, the other clicks as they were; the teacher learns from the confirmed mask.
    assert sorted(after.point["file_name"]) == sorted(before.point["file_name"])
    (objects,) = (row["objects"] for row in after.point if row["file_name"] == first["file_name"])
    *others, confirmed = objects
    assert others == clicks[1:] and confirmed["segmentation"] == first["objects"][0]["segmentation"]
    assert confirmed["score"] is None and confirmed["id"] > max(item["id"] for item in clicks)
    assert first["file_name"] in after.masked["file_name"]
    assert "1 of 2 images have no labels yet, or are marked as not complete" in caplog.text


def test_images_without_points_stay_as_they_are_until_they_are_finished(shapes, train, tmp_path, caplog):
    options = {"labeled_fraction": 0.25, "unlabeled_fraction": 0.5, "point_noise": {}}
    before = data_of(shapes, tmp_path, **options)
    name = before.none["file_name"][0]
    (row,) = (opened_in_the_app(row) for row in train.with_format(None) if row["file_name"] == name)
    row["objects"] = [{**row["objects"][0], "score": None}, make_object(9999, 0, point=[3.0, 3.0], score=0.2)]
    file = written(tmp_path / "labels.json", dataset_from_rows([row], before.class_names))
    after = data_of(shapes, tmp_path, file, **options)
    assert after.none["file_name"] == before.none["file_name"] and after.full["file_name"] == before.full["file_name"]
    assert "1 of 1 images have no labels yet" in caplog.text


def row_class(train):
    return train.features["objects"].feature["category"].names[0]


def test_an_image_of_another_set_is_named(shapes, tmp_path):
    file = written(tmp_path / "val.json", load_coco_folder(shapes)["validation"].select([0]))
    with pytest.raises(ValueError, match=r"val\.json: val_.* is no training image of this run; correct the images"):
        data_of(shapes, tmp_path, file)


def test_corrections_outdate_whatever_learned_from_masks(shapes, train, tmp_path):
    before = tiny.recipe(tmp_path / "out", data_dir=str(shapes), labeled_fraction=0.25)
    (tmp_path / "out").mkdir()
    before.save(tmp_path / "out" / "recipe.yaml")
    data = load_data(before)
    DataRecord(tmp_path / "out", data).save()
    name = data.point["file_name"][0]
    file = written(tmp_path / "new.json", train.filter(lambda row: row["file_name"] == name))
    after = tiny.recipe(tmp_path / "out", data_dir=str(shapes), labeled_fraction=0.25, corrections=file)
    changes = all_changes(after, {}, DataRecord(tmp_path / "out", load_data(after)))
    assert changes == {"corrections": "teacher"}
