# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepared datasets on the Hub."""

import pytest
from datasets import load_dataset
from PIL import Image

from pointwssis.data import read_image
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.data.prepared.push import push_prepared
from pointwssis.hub.client import PushError


def test_push_and_open_again(hub, folder, shapes):
    push_prepared(folder, "tester/shapes")
    opened = open_prepared(folder, "coco10", shapes)
    for again in (open_prepared("tester/shapes", "coco10", shapes), open_prepared("tester/shapes", "coco10", shapes)):
        assert list(again) == list(opened)
        assert all(list(again[name]) == list(opened[name]) for name in opened)
    loaded = load_dataset("tester/shapes", "coco10", split="full")
    assert list(loaded) == list(open_prepared(folder, "coco10")["full"])
    streamed = load_dataset("tester/shapes", "train5k", split="point", streaming=True)
    assert list(streamed) == list(open_prepared(folder, "train5k")["point"])
    assert loaded.features == streamed.features == opened["full"].features


def test_a_second_push_replaces_the_first(hub, folder, shapes, tmp_path):
    from huggingface_hub import HfApi

    push_prepared(folder, "tester/shapes", private=True)
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True)
    push_prepared(tmp_path / "out", "tester/shapes")
    names = HfApi().list_repo_files("tester/shapes", repo_type="dataset")
    expected = {path.removesuffix(".arrow") + ".parquet" for splits in prepared_files(tmp_path / "out").values()
                for paths in splits.values() for path in paths}  # fmt: skip
    assert {name for name in names if name.startswith("data/")} == expected
    row = open_prepared("tester/shapes", "coco50")["point"][0]
    assert read_image(row).size == (64, 64) and row["image"]["bytes"]
    assert isinstance(Image.open(shapes / row["image"]["path"]), Image.Image)


def test_a_push_that_fails_says_that_nothing_is_lost(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.reader_token)
    with pytest.raises(PushError, match=r"tester/shapes: upload failed \(403 .* Nothing is lost, .*push_prepared\("):
        push_prepared(folder, "tester/shapes")
    assert open_prepared(folder, "coco10")
