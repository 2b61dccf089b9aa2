# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The autosave: files that are written whole, one after the other, and what is found in them later."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import numpy as np
import pytest

from helpers import tiny
from helpers.labeling_app import RECORD, Tab, png, sent, written_files
from pointwssis.app.label_exchange import write_labels
from pointwssis.app.label_store import ImageLabels, LabelStore
from pointwssis.app.labeled_object import LabeledObject
from pointwssis.app.work_images import WorkImage
from pointwssis.ops.rle import encode_mask
from pointwssis.ops.user_error import UserError


def test_two_people_save_one_image_at_once(tmp_path):
    store = LabelStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(store.save, "a.png", ImageLabels((96, 64))) for _ in range(200)]
        assert [job.exception() for job in jobs if job.exception()] == []
    assert LabelStore(tmp_path, ["a.png"])["a.png"].size == (96, 64)


def test_labels_are_on_the_disk_before_they_replace_the_former_ones(tmp_path, monkeypatch):
    steps, fsync, replace = [], os.fsync, os.replace
    # Both are carried out, and noted.
    monkeypatch.setattr(os, "fsync", lambda *where: (steps.append("fsync"), fsync(*where)))
    monkeypatch.setattr(os, "replace", lambda *where: (steps.append("replace"), replace(*where)))
    LabelStore(None).save("a.png", ImageLabels((96, 64)))
    assert steps == []
    store = LabelStore(tmp_path)
    store.save("a.png", ImageLabels((96, 64)))
    steps.clear()
    store.save("a.png", ImageLabels((96, 64), is_finished=True))
    assert steps == ["fsync", "replace"]


def test_labels_to_start_with(make_app):
    mask = encode_mask(np.eye(64, 96, dtype=bool))
    start = {"a.png": ImageLabels((96, 64), (LabeledObject(1, tiny.NAMES[0], mask, is_loaded=True),))}
    tab = Tab(make_app(start_labels=start))
    assert [item["label"] for item in tab("hello")["objects"]] == [tiny.NAMES[0]]
    tab("remove", id=1)
    # What was saved wins over what the app started with.
    assert Tab(make_app(start_labels=start))("hello")["objects"] == []


def test_saved_labels_that_do_not_fit(make_app, tab, tmp_path):
    tab("click", x=30, y=20)
    path = tmp_path / "out" / "labels" / "a.png.json"
    whole = path.read_text()
    path.write_text(whole[:50])
    with pytest.raises(UserError, match="a.png.json: is damaged"):
        make_app()
    label = tab.app.labels["a.png"].objects[0].label
    path.write_text(whole.replace(f'"{label}"', '"unicorn"'))
    with pytest.raises(UserError, match="the class 'unicorn', which the model does not know"):
        make_app()


def test_labels_of_other_images(make_app, tab, tmp_path, images):
    tab("click", x=30, y=20)
    other = tmp_path / "others" / "a.png"
    other.parent.mkdir()
    other.write_bytes(png(40, 30))
    with pytest.raises(UserError, match=r"labels of the images in .*images, not in .*others; use another --output_dir"):
        make_app(shown=[WorkImage("a.png", other)])
    # An image that was replaced has another size.
    images[0].source.write_bytes(other.read_bytes())
    error = Tab(make_app())("open", index=0)["error"]
    assert "a.png has 40 × 30 pixels, but its labels are those of an image of 96 × 64" in error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "a.png cannot be saved (the disk is full); nothing was changed"),
        (PermissionError(13, "Permission denied"), "a.png cannot be saved (Permission denied)"),
    ],
)
def test_labels_that_cannot_be_saved_change_nothing(tab, monkeypatch, tmp_path, error, message):
    tab("click", x=30, y=20)
    tab("click", x=50, y=20)

    def fail(*_):
        raise error

    monkeypatch.setattr("pointwssis.app.label_store.os.replace", fail)
    for action, values in [("click", {"x": 60, "y": 20}), ("undo", {}), ("remove", {"id": 1})]:
        refused = tab(action, **values)["error"]
        assert message in refused and str(tmp_path) not in refused
    monkeypatch.undo()
    assert [item["id"] for item in tab("hello")["objects"]] == [1, 2]
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json"}


def test_a_deleted_folder_is_written_again(tab, tmp_path):
    tab("click", x=30, y=20)
    tab("next")
    shutil.rmtree(tmp_path / "out")
    tab("click", x=60, y=20)
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json", "labels/b.png.json"}
    shutil.rmtree(tmp_path / "out")
    text = f"image,x,y,label\nsub/c.png,3,4,{tiny.NAMES[0]}\n"
    assert "error" not in tab("load", name="x.csv", content=sent(text.encode()))
    shutil.rmtree(tmp_path / "out")
    assert write_labels(tab.app.all_labels(), tab.app.class_names, tmp_path / "out").is_file()


def test_the_way_back_is_that_of_saved_changes(tab, monkeypatch):
    tab("click", x=30, y=20)
    with monkeypatch.context() as patch:
        patch.setattr("pointwssis.app.label_store.replace_file", Mock(side_effect=OSError(28, "No space left")))
        tab("click", x=60, y=20)
        tab("undo")
    assert tab("undo")["removed"] == [1]
    assert tab("undo") == {"message": "There is nothing to undo since this image was opened."}
