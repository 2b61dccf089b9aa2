# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The images inside the package, on which `pointwssis demo` trains."""

import configparser
import json

import numpy as np
import pytest

from helpers.paths import ROOT
from pointwssis.data import DEMO_NUCLEI, class_names, load_coco_folder, object_masks, split_supervision
from pointwssis.ops.images import read_image

MAX_BYTES = 4 * 2**20
MIN_IMAGES = {"train": 100, "validation": 30}
# Kinds of microscopy, in the names of the files
KINDS = {"fluorescence_large", "fluorescence_small", "lilac_stain", "purple_stain", "brightfield"}


@pytest.fixture(scope="module")
def nuclei():
    return load_coco_folder(DEMO_NUCLEI)


def test_the_license_is_public_domain_and_names_the_source():
    text = (DEMO_NUCLEI / "LICENSE.md").read_text("utf-8")
    assert "CC0 1.0" in text and "BBBC038v1" in text and "Changes" in text
    for split in ("train", "val"):
        content = json.loads((DEMO_NUCLEI / f"annotations/instances_{split}.json").read_text("utf-8"))
        assert content["info"]["license"] == "CC0-1.0"


def test_the_files_are_small():
    files = [path for path in DEMO_NUCLEI.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES


def test_the_wheel_carries_every_file():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    package = DEMO_NUCLEI.parents[1]
    patterns = settings["options.package_data"]["pointwssis"].split()
    carried = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path for path in DEMO_NUCLEI.rglob("*") if path.is_file()} - carried == set()


@pytest.mark.parametrize("split", MIN_IMAGES)
def test_every_image_opens_and_has_several_kinds_of_nuclei(nuclei, split):
    rows = nuclei[split]
    assert len(rows) >= MIN_IMAGES[split] and class_names(rows) == ["nucleus"] and all(rows["complete"])
    kinds = {name.split("_", 1)[1].rsplit("_", 1)[0] for name in rows["file_name"]}
    assert kinds >= KINDS
    for row in rows:
        size = read_image(row).size
        masks = object_masks(row)
        assert size == (row["width"], row["height"]) and len(masks) == len(row["objects"]) >= 4
        assert masks.shape[1:] == size[::-1] and masks.any(axis=(1, 2)).all()


def test_validation_images_come_from_other_images():
    sources = []
    for split in ("train", "val"):
        content = json.loads((DEMO_NUCLEI / f"annotations/instances_{split}.json").read_text("utf-8"))
        sources.append({image["source_file_name"] for image in content["images"]})
    assert sources[0] & sources[1] == set()


def test_a_tenth_keeps_its_masks(nuclei):
    train = nuclei["train"]
    parts = split_supervision(train, labeled_fraction=0.1)
    assert len(parts["full"]) == int(0.1 * len(train) + 0.5) and len(parts["full"]) + len(parts["point"]) == len(train)
    # The few masks show more than one kind of image.
    assert len({name.split("_")[1] for name in parts["full"]["file_name"]}) >= 3


def test_nuclei_are_large_enough_to_be_seen(nuclei):
    areas = [item["area"] for row in nuclei["train"] for item in row["objects"]]
    assert np.median(np.sqrt(areas)) >= 30
