# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K prepared as a dataset: masks of the 10K images, points of the others."""

import json
from pathlib import Path

import pytest

from helpers.bdd100k_labels import CAR, CROWD, FORMS, NAMES, box, frame, label, masked_frames, write_images
from pointwssis.data.formats.bdd100k import load_bdd100k
from pointwssis.data.prepared import protocols
from pointwssis.data.prepared.opening import open_prepared
from pointwssis.data.prepared.prepare_bdd100k import prepare_bdd100k


@pytest.fixture
def bdd_folder(tmp_path, monkeypatch) -> Path:
    """BDD100K as it unpacks: two images with masks, one to validate on, five with boxes, of which two are also here."""
    root = tmp_path / "bdd100k"
    extra = [f"{number:08x}-00000000" for number in range(3)]
    found = {"10k/train": NAMES[:2], "10k/val": NAMES[2:], "100k/train": [NAMES[0], NAMES[2], *extra]}
    for folder, names in found.items():
        write_images(root / "images" / folder, names)
    for form in FORMS:
        (root / "labels" / "ins_seg" / form).mkdir(parents=True)
        for split, frames in {
            "train": masked_frames(form),
            "val": [frame(NAMES[2], *masked_frames(form)[0]["labels"])],
        }.items():
            (root / "labels" / "ins_seg" / form / f"ins_seg_{split}.json").write_text(json.dumps(frames))
    boxes = [
        frame(name, label("car", box2d=box(CAR)), label("car", attributes={"crowd": True}, box2d=box(CROWD)))
        for name in found["100k/train"]
    ]
    (root / "labels" / "det_20").mkdir()
    (root / "labels" / "det_20" / "det_train.json").write_text(json.dumps(boxes))
    monkeypatch.setattr(protocols, "BDD100K_POINTS", {"bdd20k": 1, "bdd40k": 2, "bdd67k": None})
    return root


@pytest.mark.parametrize("masks", ["rles", "polygons"])
def test_prepared(bdd_folder, tmp_path, masks):
    prepare_bdd100k(bdd_folder, tmp_path / "out", masks=masks)
    seven = open_prepared(tmp_path / "out", "bdd7k", bdd_folder)
    assert list(seven) == ["full", "validation"]
    rows = load_bdd100k(
        bdd_folder / "labels" / "ins_seg" / masks / "ins_seg_train.json", bdd_folder / "images/10k/train"
    )
    assert list(seven["full"]) == list(rows)
    assert seven["validation"]["file_name"] == [f"{NAMES[2]}.jpg"]
    before: set[int] = set()
    for config, count in {"bdd20k": 1, "bdd40k": 2, "bdd67k": 3}.items():
        opened = open_prepared(tmp_path / "out", config, bdd_folder)
        assert list(opened) == ["full", "point", "validation"] and list(opened["full"]) == list(rows)
        ids = set(opened["point"]["image_id"])
        assert len(opened["point"]) == len(ids) == count and before < ids
        assert not ids & {*seven["full"]["image_id"], *seven["validation"]["image_id"]}
        before = ids
    for row in opened["point"]:
        (item,) = row["objects"]
        assert item["point"] == [7.5, 6.5] and item["bbox"] is item["segmentation"] is None
        assert row["image"]["path"] == str(bdd_folder / "images/100k/train" / row["file_name"])
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "license_name: bdd100k" in card and f"`{masks}`" in card and "| `bdd67k` | `point` | 3 | 0 | 3 |" in card


def test_images_of_the_10k_test_set_are_left_out_too(bdd_folder, tmp_path):
    (bdd_folder / "images" / "10k" / "test").mkdir()
    (bdd_folder / "images" / "10k" / "test" / "00000001-00000000.jpg").write_bytes(b"")
    prepare_bdd100k(bdd_folder, tmp_path / "out")
    assert len(open_prepared(tmp_path / "out", "bdd67k")["point"]) == 2


def test_prepared_without_images_or_in_a_form_that_is_not_there(bdd_folder, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"bitmasks.train: not found; .* has the forms of masks \['polygons', 'rles'\]"
    ):
        prepare_bdd100k(bdd_folder, tmp_path / "out", masks="bitmasks")
    with pytest.raises(ValueError, match="use one of rles, polygons, bitmasks"):
        prepare_bdd100k(bdd_folder, tmp_path / "out", masks="colormaps")
    for file in (bdd_folder / "images").rglob("*.jpg"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=NAMES[0]):
        prepare_bdd100k(bdd_folder, tmp_path / "out", masks="polygons")
    assert not (tmp_path / "out").exists()
    prepare_bdd100k(bdd_folder, tmp_path / "out", masks="polygons", check_images=False)
    row = open_prepared(tmp_path / "out", "bdd67k")["point"][0]
    assert (row["width"], row["height"]) == (1280, 720) and len(row["objects"]) == 1
