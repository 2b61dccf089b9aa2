# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files of prepared datasets: their images, their sizes, and their card."""

import shutil
from pathlib import Path

import pytest

from helpers.prepared_rows import by_id
from pointwssis.data import class_names, read_image, split_supervision
from pointwssis.data.prepared import writing as prepared_writing
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.data.prepared.writing import Split, rows_on_disk, whole_folder, write_files


def test_images_inside(shapes, tmp_path, truth):
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True)
    opened = open_prepared(tmp_path / "out", "coco50", tmp_path)  # the folder of the images has no say
    rows = by_id(truth["train"])
    for name in ("full", "point"):
        for row in opened[name]:
            original = Path(rows[row["image_id"]]["image"]["path"])
            assert row["image"] == {"bytes": original.read_bytes(), "path": f"images/{original.name}"}
            assert read_image(row).size == (64, 64)


def test_without_images(shapes, tmp_path, truth):
    shutil.copytree(shapes / "annotations", tmp_path / "coco" / "annotations")
    with pytest.raises(FileNotFoundError, match="no image folder"):
        prepare_coco(tmp_path / "coco", tmp_path / "out")
    prepare_coco(tmp_path / "coco", tmp_path / "out", percentages=(50,), check_images=False)
    row = open_prepared(tmp_path / "out", "coco50")["full"][0]
    assert row["image"]["path"] == f"train/{row['file_name']}"
    assert row["objects"] == by_id(truth["train"])[row["image_id"]]["objects"]


def test_files_of_bounded_size(shapes, tmp_path, monkeypatch, truth):
    monkeypatch.setattr(prepared_writing, "_BYTES_PER_FILE", 1)
    monkeypatch.setattr(prepared_writing, "_ROWS_PER_CHUNK", 3)
    prepare_coco(shapes, tmp_path / "out", percentages=(50,))
    assert len(prepared_files(tmp_path / "out")["all"]["train"]) == 4  # of 3, 1, 3 and 1 rows
    assert by_id(open_prepared(tmp_path / "out", "all", shapes)["train"]) == by_id(truth["train"])


def test_images_that_cannot_be_stored(shapes, tmp_path, truth):
    shutil.copytree(shapes / "annotations", tmp_path / "coco" / "annotations")
    with pytest.raises(
        FileNotFoundError, match=r"train_0000\d.png: image file not found; it is only required with embed_images"
    ):
        prepare_coco(tmp_path / "coco", tmp_path / "out", check_images=False, embed_images=True)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ValueError, match="lies outside .*elsewhere"):
        write_files(tmp_path, {"a": {"full": Split(truth["train"], [0])}}, tmp_path / "elsewhere")


def test_nothing_is_overwritten_and_nothing_half_written_stays(shapes, tmp_path, folder):
    before = sorted(path.name for path in (folder / "data").iterdir())
    with pytest.raises(ValueError, match="is not empty; choose another"):
        prepare_coco(shapes, folder)
    assert sorted(path.name for path in (folder / "data").iterdir()) == before
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out") as unfinished:
        (unfinished / "a").write_text("a")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out") as unfinished:
        (unfinished / "a").write_text("a")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]


def test_a_split_without_rows_is_left_out(truth, tmp_path, shapes):
    rows = rows_on_disk(iter(truth["train"]), class_names(truth["train"]), tmp_path / "rows.arrow")
    assert list(rows) == list(truth["train"])
    configs = {
        "a": {"full": Split(rows, [2, 0]), "point": Split(rows, [], points_only=True)},
        "b": {"x": Split(rows, [])},
    }
    contents = write_files(tmp_path, configs, shapes)
    assert contents.files == {"a": {"full": ["data/full-000-000.arrow"]}}
    assert contents.counts["data/full-000-000.arrow"]["images", "full"] == 2


def test_the_card_says_what_there_is(folder, truth):
    card = (folder / "README.md").read_text("utf-8")
    split = split_supervision(truth["train"], 0.1, seed=1)
    objects = {name: sum(len(row["objects"]) for row in rows) for name, rows in split.items()}
    assert f"| `coco10` | `full` | 1 | 1 | 0 | 0 | 0 | {objects['full']} | 0 | 0 | 0 |" in card
    assert f"| `coco10` | `point` | 7 | 0 | 7 | 0 | 0 | 0 | {objects['point']} | 0 | 0 |" in card
    counts = [0, 0]
    for place, name in enumerate(("full", "point")):
        counts[place] = sum(item["category"] == 0 for row in split[name] for item in row["objects"])
    assert f"| {class_names(truth['train'])[0]} | {counts[0]} | {counts[1]} |" in card
    assert "license: cc-by-4.0" in card and "seed 1" in card and "## License" in card
    assert "`instances_train.json`: 8 images" in card
