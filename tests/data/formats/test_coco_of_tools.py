# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO files as tools write them: paths of their own, numbers of a table, boxes, ids that are not unique."""

import pytest

from pointwssis.data import LoadReport, class_names, load_coco


def load(folder, **options):
    return load_coco(folder.save(), folder.images, **options)


def test_images_are_found_by_the_end_of_their_path(coco_folder):
    """As tools write them: with their own folders in front, with backslashes, or after an upload."""
    names = ["images\\\\sub\\\\a.png".replace("\\\\", "\\"), "/srv/set/b.jpg", "a1b2c3d4-empty.png"]
    for record, name in zip(coco_folder.content["images"], names, strict=True):
        record["file_name"] = name
    assert load(coco_folder)["file_name"] == ["sub/a.png", "b.jpg", "empty.png"]


def test_two_images_are_never_found_in_one_file(coco_folder):
    coco_folder.content["images"][2] |= {"file_name": "other/b.jpg", "width": 32, "height": 24}
    with pytest.raises(ValueError, match=r"image 5: file_name is 'other/b.jpg': two images find one file; image 4 is"):
        load(coco_folder)
    assert load(coco_folder, skip_bad=True)["file_name"] == ["sub/a.png", "b.jpg"]


def test_only_the_first_missing_files_cost_a_look_for_what_they_may_be(coco_folder, monkeypatch):
    looks = []
    monkeypatch.setattr("difflib.get_close_matches", lambda *_, **__: looks.append(1) or [])
    record = coco_folder.content["images"][2]
    coco_folder.content["images"] += [{**record, "id": 100 + n, "file_name": f"none{n}.png"} for n in range(50)]
    report = LoadReport()
    assert len(load(coco_folder, skip_bad=True, report=report)) == 3 and report.skipped["missing image file"] == 50
    assert len(looks) == 20


def test_numbers_of_a_table_and_nulls(coco_folder):
    before = list(load(coco_folder))
    image, first, _, click, _ = [coco_folder.content["images"][0], *coco_folder.content["annotations"]]
    image |= {"id": 10.0, "width": 12.0}
    first |= {"id": 1.0, "image_id": 10.0, "category_id": 3.0, "iscrowd": None}
    assert list(load(coco_folder)) == before
    click["category_id"] = None  # a bare click
    assert load(coco_folder)[1]["objects"][0]["category"] is None


def test_annotations_of_an_id_that_two_images_have_belong_to_none(coco_folder):
    coco_folder.content["images"][1]["id"] = 10
    report = LoadReport()
    dataset = load(coco_folder, skip_bad=True, report=report)
    assert dataset["file_name"] == ["empty.png"] and dataset[0]["objects"] == []
    assert report.skipped == {"duplicated image id": 2, "annotation of a duplicated image id": 2, "unknown image": 2}


@pytest.mark.parametrize("bbox", [[50, 50, 4, 4], [5, 5, 0, 0], [-9, 1, 4, 4]])
def test_a_box_that_shows_nothing_has_no_center(coco_folder, bbox):
    coco_folder.content["annotations"][2] = {"id": 3, "image_id": 4, "category_id": 7, "bbox": bbox}
    with pytest.raises(ValueError, match=r"annotation 3 of image 4: bbox is .*box without a pixel.*32 × 24"):
        load(coco_folder, point_source="box_center")


def test_classes_that_differ_in_spelling(coco_folder):
    coco_folder.content["categories"][0]["name"] = "Cat"
    with pytest.raises(ValueError, match=r"instances.json: class 'Cat' looks like 'cat'"):
        load(coco_folder)
    assert class_names(load(coco_folder, label_map={"Cat": "cat"})) == ["cat", "hair drier"]
