# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The table of annotation formats, and export by it."""

import logging

import pytest

from helpers.exported_files import EXPORTED, export_accepted
from pointwssis.data import class_names, export_annotations, load_annotations, load_coco
from pointwssis.data.formats.table import FORMATS, formats_table
from pointwssis.data.loading import annotation_format


def test_the_list_for_the_docs_names_every_format():
    lines = formats_table().splitlines()
    assert len(lines) == 2 + len(FORMATS) and "| CVAT for images 1.1 | an XML file | `cvat` |" in lines
    for entry, line in zip(FORMATS, lines[2:], strict=True):
        assert entry.title in line and entry.file in line
        assert (f"`{entry.name}`" in line) == (entry.write is not None)


def test_names_are_unique():
    assert len({entry.name for entry in FORMATS}) == len({entry.title for entry in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("format", EXPORTED)
def test_an_export_is_recognized_by_its_content(coco_folder, tmp_path, format):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    path = export_annotations(dataset, tmp_path / "new" / "labels", format)
    assert annotation_format(path).name == format
    back = load_annotations(export_accepted(dataset, format, tmp_path / "accepted"), coco_folder.images)
    assert {"cat", "dog"} <= set(class_names(back))


@pytest.mark.parametrize("format", EXPORTED)
def test_nothing_is_overwritten(coco_folder, tmp_path, format):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    export_annotations(dataset, tmp_path / "labels", format)
    with pytest.raises(FileExistsError, match="labels: already exists; choose another output path"):
        export_annotations(dataset, tmp_path / "labels", format)


def test_a_file_beside_the_export_is_not_overwritten(coco_folder, tmp_path):
    (tmp_path / "tasks.interface.xml").write_text("<View/>")
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    with pytest.raises(FileExistsError, match=r"tasks.interface.xml: already exists"):
        export_annotations(dataset, tmp_path / "tasks.json", "label_studio")
    assert not (tmp_path / "tasks.json").exists()


@pytest.mark.parametrize("format", EXPORTED)
def test_crowds_are_kept_or_their_loss_is_logged(coco_folder, tmp_path, caplog, format):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    with caplog.at_level(logging.WARNING):
        path = export_accepted(dataset, format, tmp_path / "labels")
    back = load_annotations(path, coco_folder.images, class_names=class_names(dataset))
    crowds = sum(item["iscrowd"] for row in back for item in row["objects"])
    assert crowds == 1 or "left out" in caplog.text


def test_wrong_formats_and_options(coco_folder, tmp_path):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    with pytest.raises(ValueError, match=r"format is 'pascal'; use one of .*coco"):
        export_annotations(dataset, tmp_path / "labels", "pascal")
    with pytest.raises(
        ValueError, match=r"image_prefix is not an option of cvat; it is an option of \['label_studio'\]"
    ):
        export_annotations(dataset, tmp_path / "labels", "cvat", image_prefix="x")
    assert not (tmp_path / "labels").exists()
