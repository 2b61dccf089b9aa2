# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO prepared as a dataset: the same rows, in the draws of a recipe or of the authors."""

import json
import shutil
import tracemalloc
from pathlib import Path

import pytest
from datasets import Dataset

from helpers.prepared_rows import CONFIGS, by_id
from pointwssis.data import class_names, hide_masks, load_coco, read_image, split_supervision
from pointwssis.data.formats.coco import read_coco
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.data.prepared.writing import rows_on_disk

# -- the same rows ----------------------------------------------------------------------------------------------------


def test_all_labels_are_those_of_load_coco(folder, shapes, truth):
    opened = open_prepared(folder, "all", shapes)
    assert by_id(opened["train"]) == by_id(truth["train"]) and len(opened["train"]) == len(truth["train"])
    assert list(opened["validation"]) == list(truth["validation"])
    assert opened["train"].features == truth["train"].features
    assert class_names(opened["train"]) == class_names(truth["train"])
    assert read_image(opened["train"][0]).size == (64, 64)


@pytest.mark.parametrize("percentage", [10, 50])
def test_a_percentage_is_what_a_recipe_makes_of_the_files(folder, shapes, truth, percentage):
    opened = open_prepared(folder, f"coco{percentage}", shapes)
    split = split_supervision(truth["train"], percentage / 100, seed=1)
    assert list(opened) == ["full", "point", "validation"]
    for name in ("full", "point"):
        assert by_id(opened[name]) == by_id(split[name]) and len(opened[name]) == len(split[name])
    assert list(opened["validation"]) == list(truth["validation"])


def test_another_seed_is_another_draw(shapes, tmp_path, folder, truth):
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), seed=2)
    opened = open_prepared(tmp_path / "out", "coco50", shapes)
    assert set(opened["full"]["image_id"]) == set(split_supervision(truth["train"], 0.5, 2)["full"]["image_id"])
    assert set(opened["full"]["image_id"]) != set(open_prepared(folder, "coco50")["full"]["image_id"])


def test_points_tell_nothing_but_points(folder):
    kept = {"id", "category", "point", "iscrowd"}
    for path in sorted((folder / "data").glob("point*")):
        for row in Dataset.from_file(str(path)):
            assert all(item[key] is None for item in row["objects"] for key in item.keys() - kept)
            assert not any(item["iscrowd"] for item in row["objects"])
    files = prepared_files(folder)
    assert not set(files["coco10"]["point"]) & set(files["all"]["train"])


def test_train5k_has_masks_in_no_percentage_and_truth_beside_points(folder, shapes, truth):
    opened = open_prepared(folder, "train5k", shapes)
    ids = opened["truth"]["image_id"]
    assert ids == opened["point"]["image_id"] and len(ids) == 4
    assert not set(ids) & set(open_prepared(folder, "coco50")["full"]["image_id"])
    rows = by_id(truth["train"])
    assert list(opened["truth"]) == [rows[image_id] for image_id in ids]
    assert list(opened["point"]) == list(hide_masks(opened["truth"]))


def test_rows_are_stored_once_for_each_form(folder, truth):
    ids = {kind: [] for kind in ("full", "point", "validation")}
    for kind, found in ids.items():
        for path in sorted((folder / "data").glob(f"{kind}-*")):
            found += Dataset.from_file(str(path))["image_id"]
    assert sorted(ids["full"]) == sorted(truth["train"]["image_id"])
    assert len(set(ids["point"])) == len(ids["point"]) and set(ids["point"]) < set(ids["full"])
    assert ids["validation"] == truth["validation"]["image_id"]


@pytest.mark.parametrize("name", ["coco_mini", "coco_edge_cases"])
def test_real_annotations_row_by_row(shared_dir, tmp_path, name):
    source = shared_dir / "data" / name
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        file = source / "coco_edge_permissive.json"
        file = file if file.exists() else source / "annotations" / f"instances_{split}.json"
        shutil.copy(file, tmp_path / "coco" / "annotations" / f"instances_{split}2017.json")
    (tmp_path / "coco" / "images").symlink_to(source / "images", target_is_directory=True)
    prepare_coco(tmp_path / "coco", tmp_path / "out")
    opened = open_prepared(tmp_path / "out", "all", tmp_path / "coco")
    for split, name in (("train", "train"), ("val", "validation")):
        file = tmp_path / "coco" / "annotations" / f"instances_{split}2017.json"
        rows = by_id(load_coco(file, tmp_path / "coco" / "images"))
        assert by_id(opened[name]) == rows and len(opened[name]) == len(rows)


# -- the authors' subsets ---------------------------------------------------------------------------------------------


def write_subsets(shapes: Path, folder: Path, percentage: int, strong: list[int]) -> None:
    content = json.loads((shapes / "annotations" / "instances_train.json").read_text())
    for kind in "sw":
        images = [image for image in content["images"] if (image["id"] in strong) == (kind == "s")]
        ids = {image["id"] for image in images}
        annotations = [item for item in content["annotations"] if item["image_id"] in ids]
        file = folder / f"instances_train2017_{percentage}p_{kind}.json"
        file.write_text(json.dumps({**content, "images": images, "annotations": annotations}))


def test_the_authors_draw(shapes, tmp_path, truth):
    ids = truth["train"]["image_id"]
    write_subsets(shapes, tmp_path, 10, ids[3:5])
    write_subsets(shapes, tmp_path, 50, ids[:4])  # not nested
    prepare_coco(shapes, tmp_path / "out", subsets_dir=tmp_path)
    assert list(prepared_files(tmp_path / "out")) == CONFIGS
    for percentage, strong in ((10, ids[3:5]), (50, ids[:4])):
        opened = open_prepared(tmp_path / "out", f"coco{percentage}", shapes)
        assert set(opened["full"]["image_id"]) == set(strong)
        assert set(opened["point"]["image_id"]) == set(ids) - set(strong)
        rows = by_id(truth["train"])
        assert all(row == rows[row["image_id"]] for row in opened["full"])
    assert not set(open_prepared(tmp_path / "out", "train5k")["truth"]["image_id"]) & set(ids[:5])
    assert "instances_train2017_10p_s.json" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_subset_files_that_do_not_fit(shapes, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no subset files of 10%"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    (tmp_path / "instances_train2017_10p_s.json").write_text('{"images": [{"id": 424242}]}')
    with pytest.raises(FileNotFoundError, match="instances_train2017_10p_s.json of 10%; a subset is one file"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    weak = tmp_path / "instances_train2017_10p_w.json"
    weak.write_text('{"images": []}')
    with pytest.raises(ValueError, match=r"10p_s.json: image 424242 .* is not among the training images"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    for content in ("[]", '{"images": [{"name": 1}]}', "{", '{"images": 3}'):
        weak.write_text(content)
        with pytest.raises(ValueError, match=r"10p_w.json: not a COCO file"):
            prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path, skip_bad=True)
    assert not (tmp_path / "out").exists() and not (tmp_path / "unfinished-out").exists()


# -- bad records ------------------------------------------------------------------------------------------------------


def damage(shapes: Path, folder: Path, change) -> Path:
    shutil.copytree(shapes, folder)
    file = folder / "annotations" / "instances_train.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return folder


DAMAGES = {
    "point outside": lambda content: content["annotations"][3].update(point=[float("nan"), 3]),
    "category": lambda content: content["annotations"][0].update(category_id=77),
    "unknown image": lambda content: content["annotations"][5].update(image_id=999),
    "size": lambda content: content["images"][2].update(width=65),
    "file": lambda content: content["images"][0].update(file_name="gone.png"),
    "image twice": lambda content: content["images"].append(content["images"][0]),
    "no object": lambda content: content["annotations"].insert(2, 7),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_bad_records_are_named_as_load_coco_names_them(shapes, tmp_path, kind):
    root = damage(shapes, tmp_path / "coco", DAMAGES[kind])
    file, images = root / "annotations" / "instances_train.json", root / "images"
    with pytest.raises((ValueError, FileNotFoundError)) as expected:
        load_coco(file, images)
    with pytest.raises(type(expected.value)) as caught:
        prepare_coco(root, tmp_path / "out", percentages=(50,))
    assert str(caught.value) == str(expected.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coco"]
    rows = load_coco(file, images, skip_bad=True)
    prepare_coco(root, tmp_path / "out", percentages=(50,), skip_bad=True)
    assert by_id(open_prepared(tmp_path / "out", "all", root)["train"]) == by_id(rows)
    assert "1 × " in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_memory_does_not_grow_with_the_file(shapes, tmp_path):
    record = json.loads((shapes / "annotations" / "instances_train.json").read_text())

    def peak(count: int) -> int:
        images = [{**record["images"][0], "id": number, "file_name": f"{number}.png"} for number in range(count)]
        annotation = {**record["annotations"][0], "note": "x" * 200_000}
        annotations = [{**annotation, "id": number, "image_id": number} for number in range(count)]
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps({**record, "images": images, "annotations": annotations}))
        del annotations, annotation
        tracemalloc.start()
        names, rows = read_coco(file, tmp_path, check_images=False)
        assert len(rows_on_disk(rows, names, tmp_path / f"{count}.arrow")) == count
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    assert peak(110) - peak(10) < 0.1 * 100 * 200_000
