# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import logging

import numpy as np
import pytest

from pointwssis.data import LoadReport, class_names, dataset_from_rows, make_object, supervision
from pointwssis.data.loading import load_annotations
from pointwssis.data.merge import merge_annotations, unlabeled_rows
from pointwssis.ops.coco_masks import encode_mask

NAMES = ["cat", "dog"]


def square(left, top, side, **values):
    mask = np.zeros((30, 40), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return {"segmentation": encode_mask(mask), "point": [left + side / 2, top + side / 2], **values}


def source(folder, objects, name="a.jpg", image_id=1, names=NAMES, first_id=1, **fields):
    """Return a dataset of one image; `objects` are (category, values)."""
    items = [make_object(first_id + n, category, **values) for n, (category, values) in enumerate(objects)]
    row = {"image": folder / name, "image_id": image_id, "width": 40, "height": 30, "file_name": name}
    return dataset_from_rows([{**row, "complete": True, "image_labels": None, "objects": items, **fields}], names)


def click(x, y, **values):
    return {"point": [x, y], **values}


@pytest.mark.parametrize("clicks_first", [False, True])
def test_clicks_belong_to_the_masks_around_them(marked_images, clicks_first):
    masks = source(marked_images, [(0, square(2, 2, 10)), (1, square(20, 10, 10)), (1, square(22, 12, 4))])
    clicks = source(
        marked_images,
        [
            (0, click(3, 3)),  # in the cat
            (None, click(28, 18)),  # bare, in the large dog
            (1, click(23, 13)),  # in both dogs: the smaller
            (1, click(5, 5)),  # a dog in front of the cat
            (0, click(39.7, 29.7)),  # beside all, at the border
        ],
    )
    parts = [clicks, masks] if clicks_first else [masks, clicks]
    dataset = merge_annotations(parts)
    (row,) = dataset
    found = [(item["category"], item["segmentation"] is not None, item["point"]) for item in row["objects"]]
    border = [pytest.approx(39.7), pytest.approx(29.7)]
    assert found == [
        (0, True, [3, 3]), (1, True, [28, 18]), (1, True, [23, 13]), (1, False, [5, 5]), (0, False, border)
    ]  # fmt: skip
    ids = [item["id"] for item in row["objects"]]
    assert len(set(ids)) == len(ids) and supervision(row) == "point" and row["complete"]


def test_a_second_click_in_one_mask_is_left_out_and_told(marked_images, caplog):
    masks = source(marked_images, [(0, square(2, 2, 10))])
    clicks = source(marked_images, [(0, click(3, 3)), (0, click(9, 9))])
    report = LoadReport()
    with caplog.at_level(logging.INFO):
        (row,) = merge_annotations([masks, clicks], report=report)
    assert [item["point"] for item in row["objects"]] == [[3, 3]]
    assert report.notes == {"second click of a file in one mask (left out)": 1} and "a.jpg" in caplog.text


def test_masks_and_clicks_of_two_files_that_are_one_object(marked_images):
    first = source(marked_images, [(0, square(2, 2, 10)), (None, click(30, 3))])
    second = source(marked_images, [(0, square(3, 2, 10)), (0, square(8, 8, 10)), (1, click(30.4, 2.6))])
    report = LoadReport()
    (row,) = merge_annotations([first, second], report=report)
    assert len(row["objects"]) == 3  # IoU 0.82 is one object, 0.08 two; the clicks share a pixel
    assert row["objects"][0]["segmentation"] == first[0]["objects"][0]["segmentation"]
    assert row["objects"][2]["category"] == 1  # the bare click has its class from the other file
    assert report.notes == {"object with a mask in two files (the first one counts)": 1}


def test_what_one_file_keeps_apart_stays_apart(marked_images):
    both = [(0, square(2, 2, 10)), (0, square(2, 2, 10)), (0, click(5, 5)), (0, click(5, 5))]
    empty = source(marked_images, [])
    (row,) = merge_annotations([source(marked_images, both), empty])
    assert len(row["objects"]) == 4


@pytest.mark.parametrize(
    ("first", "second", "record"),
    [
        ((0, square(2, 2, 10)), (1, square(2, 2, 10)), "image a.jpg, object 2"),
        ((0, click(5, 5)), (1, click(5, 5)), "image a.jpg, object 2"),
    ],
)
def test_contradicting_classes(marked_images, first, second, record):
    parts = [source(marked_images, [first]), source(marked_images, [second])]
    with pytest.raises(ValueError, match=rf"merged annotations: {record}: class .* is \['cat', 'dog'\].*label_map"):
        merge_annotations(parts)
    report = LoadReport()
    (row,) = merge_annotations(parts, skip_bad=True, report=report)
    assert [item["category"] for item in row["objects"]] == [0] and report.skipped == {"contradicting classes": 1}


def test_classes_are_united_in_order(marked_images):
    first = source(marked_images, [(0, click(1, 1)), (1, click(2, 2))], names=["dog", "cat"])
    second = source(marked_images, [(1, click(3, 3))], names=["cat", "bird"], image_labels=[0, 1])
    dataset = merge_annotations([first, second])
    assert class_names(dataset) == ["dog", "cat", "bird"]
    assert [item["category"] for item in dataset[0]["objects"]] == [0, 1, 2] and dataset[0]["image_labels"] == [1, 2]
    assert class_names(merge_annotations([first, second], class_names=["bird", "cat", "dog"])) == ["bird", "cat", "dog"]
    with pytest.raises(ValueError, match=r"dataset 2 of 2: \['bird'\] are not among"):
        merge_annotations([first, second], class_names=["cat", "dog"])
    with pytest.raises(ValueError, match=r"""'Dog_' looks like 'dog'.*--label_map '{"Dog_": "dog"}'"""):
        merge_annotations([first, source(marked_images, [(0, click(1, 1))], names=["Dog_"])])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([{}], True),
        ([{"complete": False}], False),  # it says that some are missing
        ([{"complete": False, "objects": []}], True),  # it says nothing of this image
        ([{"complete": False, "objects": [], "image_labels": [0]}], True),  # nor where they all are
    ],
)
def test_complete_if_all_say_so_that_mark_objects(marked_images, others, expected):
    parts = [source(marked_images, [(0, click(1, 1))])]
    parts += [source(marked_images, **{"objects": [(0, click(9, 9))]} | fields) for fields in others]
    for some in (parts, parts[::-1]):
        assert merge_annotations(some)[0]["complete"] is expected


def test_images_meet_by_their_file(marked_images, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(marked_images)
    first = source(marked_images, [(0, click(1, 1))], "city/b.png", image_id=7, first_id=5)
    second = source(link, [(1, click(2, 2))], "city/b.png", image_id=7, first_id=5)
    third = source(link, [(1, click(2, 2))], "field/b.png", image_id=7, first_id=5)  # the same bare name
    dataset = merge_annotations([first, second, third])
    assert dataset["file_name"] == ["city/b.png", "field/b.png"]
    assert dataset["image_id"][0] == 7 and len(set(dataset["image_id"])) == 2  # the first source keeps its ids
    ids = [item["id"] for row in dataset for item in row["objects"]]
    assert ids[0] == 5 and len(set(ids)) == 3


def test_crowds_stay_as_they_are(marked_images):
    crowd = (0, square(0, 0, 20, iscrowd=True))
    (row,) = merge_annotations(
        [source(marked_images, [crowd]), source(marked_images, [crowd, (0, square(1, 0, 20)), (0, click(5, 5))])]
    )
    assert [item["iscrowd"] for item in row["objects"]] == [True, True, False, False]
    assert row["objects"][3]["segmentation"] is None  # a region that matches no object owns no click


def test_files_of_two_formats(marked_images, tmp_path):
    masks = tmp_path / "masks.json"
    mask = {"size": [30, 40], "counts": [0, 600, 600]}  # the left half
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": mask}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    masks.write_text(json.dumps(content))
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("image,x,y,label\na.jpg,3,3,Cat\na.jpg,33,3,Cat\ncity/b.png,1,1,dog\n")
    label_map = {"Cat": "cat"}
    parts = [load_annotations(file, marked_images, label_map=label_map) for file in (masks, clicks)]
    dataset = merge_annotations(parts)
    assert class_names(dataset) == ["cat", "dog"] and dataset["file_name"] == ["a.jpg", "city/b.png"]
    first, second = dataset[0]["objects"]
    assert first["segmentation"] is not None and first["point"] == [3, 3] and second["point"] == [33, 3]
    assert parts[0][0]["objects"][0]["point"] != [3, 3]  # the sources stay as they are


def test_images_that_nothing_names(marked_images, caplog):
    train = source(marked_images, [(0, click(1, 1))], image_id=41)
    validation = source(marked_images, [], "city/b.png", image_id=7)
    (marked_images / "broken.png").write_bytes(b"no image")
    (marked_images / "notes.txt").write_text("no image either")
    with pytest.raises(ValueError, match=r"broken.png.*not a readable image"):
        unlabeled_rows(marked_images, [train, validation])
    report = LoadReport()
    rows = unlabeled_rows(marked_images, [train, validation], skip_bad=True, report=report)
    assert rows["file_name"] == ["dot.png", "empty.png", "field/b.png", "my photo (1).png", "turned.jpg"]
    assert {supervision(row) for row in rows} == {"none"} and min(rows["image_id"]) == 42
    assert (rows[4]["width"], rows[4]["height"]) == (30, 40) and class_names(rows) == NAMES
    assert report.skipped == {"unreadable image file": 1} and report.images == 5
    # Pictures of results are no images; a folder around the images is not left out.
    options = {"skip_bad": True, "results": marked_images / "field"}
    assert "field/b.png" not in unlabeled_rows(marked_images, [train, validation], **options)["file_name"]
    for around in (marked_images, marked_images.parent):
        options["results"] = around
        assert len(unlabeled_rows(marked_images, [train, validation], **options)) == 5
