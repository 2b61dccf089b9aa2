# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepared datasets opened again, by this package and by datasets."""

import pickle
import shutil

import pytest
from datasets import Image, concatenate_datasets, load_dataset

from helpers.prepared_rows import CONFIGS
from pointwssis.data import read_image, supervision
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.ops.user_error import UserError


def test_opened_rows_are_mapped_and_fit_into_everything(folder, shapes):
    opened = open_prepared(folder, "coco50", shapes)
    full, point = opened["full"], opened["point"]
    assert full.features["image"] == Image(decode=False)
    together = concatenate_datasets([full, point])
    assert len(together) == len(full) + len(point) and {supervision(row) for row in together} == {"full", "point"}
    assert list(pickle.loads(pickle.dumps(full))) == list(full)
    mask = full[0]["objects"][0]["segmentation"]["counts"].encode()
    assert mask in pickle.dumps(list(full)) and mask not in pickle.dumps(full)  # paths of files, not what is in them
    assert full.select([1, 0])[0] == full[1]
    assert full.filter(lambda row: row["image_id"] == full[0]["image_id"])[0] == full[0]


def test_the_folder_can_be_moved_and_the_images_too(folder, shapes, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    shutil.copytree(shapes, tmp_path / "images")
    row = open_prepared(tmp_path / "elsewhere", "all", tmp_path / "images")["train"][0]
    assert row["image"]["path"] == str(tmp_path / "images" / "images" / row["file_name"])
    assert read_image(row).size == (64, 64)
    relative = open_prepared(tmp_path / "elsewhere", "all")["train"][0]
    assert relative["image"]["path"] == f"images/{row['file_name']}"
    assert str(shapes) not in (folder / "README.md").read_text("utf-8")


def test_what_cannot_be_opened(folder, tmp_path):
    with pytest.raises(ValueError, match="no configuration 'coco11'; use one of coco10, coco50, all, train5k"):
        open_prepared(folder, "coco11")
    with pytest.raises(ValueError, match="several configurations; use one of coco10"):
        open_prepared(folder)
    with pytest.raises(FileNotFoundError, match="not a prepared dataset"):
        open_prepared(tmp_path, "coco10")
    with pytest.raises(FileNotFoundError, match="nowhere: image folder"):
        open_prepared(folder, "coco10", tmp_path / "nowhere")
    shutil.copytree(folder, tmp_path / "broken")
    next((tmp_path / "broken" / "data").glob("point*")).unlink()
    with pytest.raises(FileNotFoundError, match="prepare or copy it again"):
        open_prepared(tmp_path / "broken", "coco10")


@pytest.mark.parametrize(
    "metadata",
    ["license: mit", "configs: 3", "configs: [{config_name: a}]", "configs: [{config_name: a, data_files: '*.csv'}]"],
)
def test_cards_of_other_datasets(tmp_path, metadata):
    (tmp_path / "README.md").write_text(f"---\n{metadata}\n---\n# Cells\n")
    assert prepared_files(tmp_path) == {}


@pytest.mark.parametrize("content", [b"---\nconfigs: [\n---\n", b"---\n- a\n---\n", b"---\nname: caf\xe9\n---\n"])
def test_a_card_that_cannot_be_read(tmp_path, content):
    (tmp_path / "README.md").write_bytes(content)
    with pytest.raises(UserError, match=r"README\.md: ") as caught:
        prepared_files(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", CONFIGS)
def test_plain_datasets_reads_it_too(folder, config):
    opened = open_prepared(folder, config)
    loaded = load_dataset(str(folder), config)
    streamed = load_dataset(str(folder), config, streaming=True)
    assert list(loaded) == list(streamed) == list(opened)
    for name in opened:
        assert list(load_dataset(str(folder), config, split=name)) == list(opened[name])
        assert list(streamed[name]) == list(opened[name])
        assert loaded[name].features == streamed[name].features == opened[name].features
