# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from pointwssis.data import (
    LoadReport,
    class_names,
    hide_masks,
    load_coco,
    load_coco_folder,
    load_coco_splits,
    read_image,
    to_coco,
)
from pointwssis.ops.coco_masks import decode_rle


def load(folder, **options):
    return load_coco(folder.save(), folder.images, **options)


# -- good files -------------------------------------------------------------------------------------------------------


def test_loads_everything(coco_folder):
    dataset = load(coco_folder)
    assert class_names(dataset) == ["cat", "dog", "hair drier"]  # by ascending category id
    assert dataset["image_id"] == [10, 4, 5]  # in the order of the file
    first, second, third = dataset
    assert (first["width"], first["height"], first["file_name"], first["complete"]) == (12, 8, "sub/a.png", True)
    assert read_image(first).size == (12, 8)
    polygon, crowd = first["objects"]
    assert polygon["category"] == 0 and polygon["bbox"] == [1, 2, 4, 3] and polygon["area"] == 12.5
    assert polygon["point"] == [2.5, 3.0] and decode_rle(polygon["segmentation"]).sum() == 12
    assert crowd["iscrowd"] and crowd["point"] is None and decode_rle(crowd["segmentation"])[:, :2].all()
    point, mask = second["objects"]
    assert point["segmentation"] is None and point["bbox"] is None and point["point"] == [np.float32(12.3), 4.0]
    assert mask["bbox"] == [0, 5, 1, 6] and mask["area"] == 6  # made from the mask
    assert third["objects"] == [] and third["image_labels"] is None


def test_optional_keys(coco_folder):
    coco_folder.content["images"][0] |= {"complete": False, "image_labels": [90, 3]}
    rle = {"size": [24, 32], "counts": [0, 1, 767]}
    coco_folder.content["annotations"][2] |= {"rough_segmentation": rle, "score": 0.123456789, "level": 3}
    dataset = load(coco_folder)
    assert not dataset[0]["complete"] and dataset[0]["image_labels"] == [2, 0]
    item = dataset[1]["objects"][0]
    assert item["score"] == 0.123456789 and item["level"] == 3
    assert decode_rle(item["rough_segmentation"]).sum() == 1


@pytest.mark.parametrize(("kind", "expected"), [("center", [4.5, 4.0]), ("box_center", [4.5, 3.5]), ("random", None)])
def test_where_points_come_from(coco_folder, kind, expected):
    bowl = [[1, 1, 3, 1, 3, 5, 7, 5, 7, 1, 9, 1, 9, 7, 1, 7]]
    record = {"id": 1, "image_id": 10, "category_id": 3, "segmentation": bowl}
    coco_folder.content["annotations"] = [record, {**record, "id": 2, "point": [0, 7.5]}]
    first, second = load(coco_folder, point_source=kind, seed=3)[0]["objects"]
    mask = decode_rle(first["segmentation"])
    if expected is None:
        x, y = first["point"]
        assert mask[int(y), int(x)]
        again, _ = load(coco_folder, point_source=kind, seed=3)[0]["objects"]
        others = {tuple(load(coco_folder, point_source=kind, seed=seed)[0]["objects"][0]["point"]) for seed in range(8)}
        assert again["point"] == first["point"] and len(others) > 3
    else:
        assert first["point"] == pytest.approx(expected, abs=1)
        rows, columns = np.nonzero(mask)
        if kind == "center":
            assert first["point"] == pytest.approx([columns.mean(), rows.mean()])
    assert second["point"] == [0, 7.5]  # an own point wins


def test_random_points_do_not_depend_on_other_objects(coco_folder):
    before = load(coco_folder, point_source="random")[1]["objects"][1]["point"]
    del coco_folder.content["annotations"][0:3]
    assert load(coco_folder, point_source="random")[1]["objects"][0]["point"] == before


def test_boxes_without_masks_give_points_when_asked(coco_folder):
    coco_folder.content["annotations"] = [{"id": 1, "image_id": 10, "category_id": 3, "bbox": [2, 2, 3, 5]}]
    item = load(coco_folder, point_source="box_center")[0]["objects"][0]
    assert item["point"] == [3, 4] and item["segmentation"] is None  # columns 2 3 4, rows 2 … 6
    with pytest.raises(ValueError, match="box_center"):
        load(coco_folder, point_source="center")


def test_a_center_outside_of_its_mask_is_kept_and_counted(coco_folder, caplog):
    bowl = [[1, 1, 3, 1, 3, 6, 7, 6, 7, 1, 9, 1, 9, 7, 1, 7]]
    coco_folder.content["annotations"][0]["segmentation"] = bowl
    report = LoadReport()
    with caplog.at_level(logging.INFO):
        item = load(coco_folder, report=report)[0]["objects"][0]
    x, y = item["point"]
    assert not decode_rle(item["segmentation"])[round(y), round(x)]
    assert report.notes == {"center of mass outside of its mask": 1} and not report.skipped
    assert "annotation 1" in caplog.text and "outside of its mask" in caplog.text


def test_a_mask_without_a_pixel_stays_as_truth_and_gets_the_center_of_its_box(coco_folder):
    sliver = [4.2, 4.2, 4.3, 4.2, 4.3, 4.2]
    coco_folder.content["annotations"][0] |= {"segmentation": [sliver], "bbox": [4, 4, 1, 0]}
    report = LoadReport()
    item = load(coco_folder, report=report)[0]["objects"][0]
    assert not decode_rle(item["segmentation"]).any() and item["point"] == [4.0, 3.5]
    assert sum(report.notes.values()) == 1


def test_the_classes_of_another_file(coco_folder):
    dataset = load(coco_folder, class_names=["ant", "dog", "hair drier", "cat"])
    assert [item["category"] for item in dataset[0]["objects"]] == [3, 2]
    with pytest.raises(ValueError, match="cat.*not among the classes"):
        load(coco_folder, class_names=["dog", "hair drier"])


def test_round_trip(coco_folder):
    coco_folder.content["images"][1] |= {"complete": False, "image_labels": [7]}
    rle = {"size": [24, 32], "counts": [0, 1, 767]}
    coco_folder.content["annotations"][2] |= {"rough_segmentation": rle, "score": 0.1, "level": 0}
    categories = coco_folder.content["categories"]
    dataset = load(coco_folder)
    for given in (None, categories):
        content = json.loads(json.dumps(to_coco(dataset, given)))
        coco_folder.content = content
        assert list(load(coco_folder)) == list(dataset)
    assert {item["category_id"] for item in content["annotations"]} == {3, 7, 90}
    assert content["categories"] == categories
    assert [item.get("point") for item in content["annotations"]][2] == [12.3, 4.0]
    with pytest.raises(ValueError, match="hair drier"):
        to_coco(dataset, categories[:2])


def test_round_trip_of_points_only(coco_folder):
    points = hide_masks(load(coco_folder))
    coco_folder.content = to_coco(points)
    assert list(load(coco_folder)) == list(points)


@pytest.mark.parametrize("name", ["coco_edge_cases", "train", "val"])
def test_real_coco_equals_pycocotools_mask_by_mask(shared_dir, capsys, name):
    folder = shared_dir / "data" / ("coco_edge_cases" if name == "coco_edge_cases" else "coco_mini")
    file = folder / "coco_edge_permissive.json"
    if name != "coco_edge_cases":
        file = folder / "annotations" / f"instances_{name}.json"
    reference, dataset = COCO(str(file)), load_coco(file, folder / "images")
    names = [category["name"] for category in sorted(reference.dataset["categories"], key=lambda c: c["id"])]
    assert class_names(dataset) == names and len(names) == 80
    assert dataset["image_id"] == [image["id"] for image in reference.dataset["images"]]
    objects = {item["id"]: item for row in dataset for item in row["objects"]}
    assert len(objects) == len(reference.anns)
    for number, annotation in reference.anns.items():
        item = objects[number]
        assert np.array_equal(decode_rle(item["segmentation"]), reference.annToMask(annotation) == 1), number
        assert (item["area"], item["bbox"]) == (annotation["area"], annotation["bbox"])
        assert item["iscrowd"] == bool(annotation["iscrowd"])
        assert names[item["category"]] == reference.cats[annotation["category_id"]]["name"]
    assert any(item["iscrowd"] for item in objects.values())


# -- folders ----------------------------------------------------------------------------------------------------------


def make_folder(coco_folder, tmp_path, train="instances_train.json", val="instances_val.json", images=("images",) * 2):
    root = tmp_path / "data"
    (root / "annotations").mkdir(parents=True)
    for name, folder in zip((train, val), images, strict=True):
        if name:
            shutil.copy(coco_folder.save(), root / "annotations" / name)
        shutil.copytree(coco_folder.images, root / folder, dirs_exist_ok=True)
    return root


@pytest.mark.parametrize("images", [("images",) * 2, ("images/train2017", "images/val2017"), ("train", "val")])
@pytest.mark.parametrize("year", ["", "2017"])
def test_finds_files_and_images(coco_folder, tmp_path, year, images):
    if not year:
        images = [name.removesuffix("2017") for name in images]
    root = make_folder(coco_folder, tmp_path, f"instances_train{year}.json", f"instances_val{year}.json", images)
    (root / "images").mkdir(exist_ok=True)  # present, but empty in some cases
    splits = load_coco_folder(root)
    assert sorted(splits) == ["train", "validation"] and len(splits["train"]) == 3
    assert read_image(splits["validation"][0]).size == (12, 8)


def test_the_exact_name_goes_before_others(coco_folder, tmp_path):
    root = make_folder(coco_folder, tmp_path)
    coco_folder.content["images"] = coco_folder.content["images"][:1]
    coco_folder.content["annotations"] = coco_folder.content["annotations"][:2]
    shutil.copy(coco_folder.save(), root / "annotations" / "instances_train_small.json")
    assert len(load_coco_folder(root)["train"]) == 3
    (root / "annotations" / "instances_train.json").rename(root / "annotations" / "instances_train_large.json")
    with pytest.raises(ValueError, match=r"instances_train_large.json.*instances_train_small.json"):
        load_coco_folder(root)


def test_what_was_looked_for_is_said(coco_folder, tmp_path):
    root = make_folder(coco_folder, tmp_path, val="")
    with pytest.raises(FileNotFoundError, match=r"annotations/instances_val\*.json.*instances_train.json"):
        load_coco_folder(root)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_coco_folder(tmp_path / "gone")
    shutil.copy(coco_folder.file, root / "annotations" / "instances_val.json")
    shutil.rmtree(root / "images")
    with pytest.raises(FileNotFoundError, match=r"images/train.*images"):
        load_coco_folder(root)


def test_validation_takes_the_classes_of_training(coco_folder, tmp_path):
    train = coco_folder.save().rename(tmp_path / "train.json")
    coco_folder.content["categories"] = [{"id": 1, "name": "hair drier"}]
    coco_folder.content["annotations"] = [{"id": 1, "image_id": 10, "category_id": 1, "point": [1, 1]}]
    splits = load_coco_splits(train, coco_folder.save(), coco_folder.images)
    assert class_names(splits["validation"]) == class_names(splits["train"]) == ["cat", "dog", "hair drier"]
    assert splits["validation"][0]["objects"][0]["category"] == 2


# -- bad files --------------------------------------------------------------------------------------------------------


def change(section, position, **values):
    def apply(folder):
        folder.content[section][position] |= values

    return apply


def remove(section, position, key):
    def apply(folder):
        del folder.content[section][position][key]

    return apply


def repeat(section):
    def apply(folder):
        folder.content[section].append(dict(folder.content[section][0]))

    return apply


def replace_file(name, content):
    def apply(folder):
        path = folder.images / name
        data = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content(data))

    return apply


def turn_image(folder):
    exif = Image.Exif()
    exif[274] = 8
    Image.open(folder.images / "b.jpg").save(folder.images / "b.jpg", exif=exif)


SQUARE, NAN, INF = [1, 1, 5, 1, 5, 5, 1, 5], float("nan"), float("inf")
# what is done to the file, parts of the message besides the file's name, and how many images and objects a skip leaves
BAD_RECORDS = {
    "missing image": (replace_file("b.jpg", None), ["image 4", "file_name", "b.jpg", "not found"], 2, 2),
    "truncated jpeg": (replace_file("b.jpg", lambda data: data[:-200]), ["image 4", "b.jpg", "truncated"], 2, 2),
    "no image": (replace_file("b.jpg", lambda data: b"hello"), ["image 4", "b.jpg", "not a readable image"], 2, 2),
    "file name a number": (change("images", 1, file_name=5), ["image 4", "file_name is 5"], 2, 2),
    "no file name": (remove("images", 1, "file_name"), ["image 4", "file_name is 'missing'"], 2, 2),
    "no width": (remove("images", 1, "width"), ["image 4", "missing key width"], 2, 2),
    "width a text": (change("images", 1, width="32"), ["image 4", "width is '32'"], 2, 2),
    "height zero": (change("images", 1, height=0), ["image 4", "height is 0"], 2, 2),
    "other size": (change("images", 1, width=33), ["image 4", "33 × 24", "32 × 24"], 2, 2),
    "turned image": (turn_image, ["image 4", "32 × 24", "24 × 32", "EXIF"], 2, 2),
    "complete a text": (change("images", 1, complete="no"), ["image 4", "complete is 'no'"], 2, 2),
    "image label unknown": (
        change("images", 1, image_labels=[3, 4]),
        ["image 4", "image_labels is 4", "[3, 7, 90]"],
        2,
        2,
    ),
    "image labels no list": (change("images", 1, image_labels=3), ["image 4", "image_labels is 3"], 2, 2),
    "image without id": (remove("images", 2, "id"), ["image at position 2", "missing key id"], 2, 4),
    "image id a text": (change("images", 2, id="5"), ["image '5'", "id is '5'"], 2, 4),
    "image id too large": (change("images", 2, id=2**63), ["image 9223372036854775808", "64-bit"], 2, 4),
    "image no object": (lambda f: f.content["images"].append(3), ["image at position 3", "record is 3"], 3, 4),
    "image id twice": (repeat("images"), ["image 10", "id is 10", "duplicated image id"], 3, 4),
    "annotation id twice": (repeat("annotations"), ["annotation 1", "id is 1", "duplicated annotation id"], 3, 4),
    "annotation without id": (remove("annotations", 0, "id"), ["annotation at position 0", "missing key id"], 3, 3),
    "annotation id a text": (change("annotations", 0, id="a"), ["annotation 'a'", "id is 'a'"], 3, 3),
    "no image id": (remove("annotations", 0, "image_id"), ["annotation 1", "missing key image_id"], 3, 3),
    "unknown image": (change("annotations", 0, image_id=11), ["annotation 1", "image_id is 11", "unknown image"], 3, 3),
    "no category": (remove("annotations", 0, "category_id"), ["annotation 1", "missing key category_id"], 3, 3),
    "unknown category": (
        change("annotations", 0, category_id=4),
        ["annotation 1", "category_id is 4", "[3, 7, 90]"],
        3,
        3,
    ),
    "category a text": (change("annotations", 0, category_id="3"), ["annotation 1", "category_id is '3'"], 3, 3),
    "category true": (change("annotations", 0, category_id=True), ["annotation 1", "category_id is True"], 3, 3),
    "point right of image": (
        change("annotations", 2, point=[32.5, 4]),
        ["annotation 3", "point is [32.5, 4]", "x < 32"],
        3,
        3,
    ),
    "point above image": (change("annotations", 2, point=[3, -0.1]), ["annotation 3", "point is [3, -0.1]"], 3, 3),
    "point nan": (change("annotations", 2, point=[NAN, 4]), ["annotation 3", "point is [nan, 4]", "finite"], 3, 3),
    "point infinite": (change("annotations", 2, point=[1, INF]), ["annotation 3", "point is [1, inf]"], 3, 3),
    "point of three": (change("annotations", 2, point=[1, 2, 2]), ["annotation 3", "point is [1, 2, 2]"], 3, 3),
    "point of texts": (change("annotations", 2, point=["1", "2"]), ["annotation 3", "point", "number"], 3, 3),
    "neither point nor mask": (remove("annotations", 2, "point"), ["annotation 3", "neither point nor mask"], 3, 3),
    "empty mask, no box": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [768]}),
        ["annotation 4", "segmentation", "mask without a pixel"],
        3,
        3,
    ),
    "rle too short": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [5, 6, 700]}),
        ["annotation 4", "segmentation", "711", "768"],
        3,
        3,
    ),
    "compressed rle too long": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": "0`h0"}),
        ["annotation 4", "768"],
        3,
        3,
    ),
    "compressed rle garbage": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": "\u00e4!"}),
        ["annotation 4", "compressed text"],
        3,
        3,
    ),
    "rle of another size": (
        change("annotations", 3, segmentation={"size": [32, 24], "counts": [5, 6, 757]}),
        ["annotation 4", "[32, 24]", "[24, 32]"],
        3,
        3,
    ),
    "rle without size": (change("annotations", 3, segmentation={"counts": [768]}), ["annotation 4", "size"], 3, 3),
    "rle negative": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [-1, 769]}),
        ["annotation 4", "-1"],
        3,
        3,
    ),
    "polygon of two points": (
        change("annotations", 0, segmentation=[[1, 1, 5, 5]]),
        ["annotation 1", "4 values"],
        3,
        3,
    ),
    "polygon odd": (change("annotations", 0, segmentation=[SQUARE[:-1]]), ["annotation 1", "7 values"], 3, 3),
    "second polygon bad": (change("annotations", 0, segmentation=[SQUARE, [1, 1]]), ["annotation 1", "2 values"], 3, 3),
    "polygon nan": (change("annotations", 0, segmentation=[[NAN, *SQUARE[1:]]]), ["annotation 1", "NaN"], 3, 3),
    "polygon infinite": (
        change("annotations", 0, segmentation=[[INF, *SQUARE[1:]]]),
        ["annotation 1", "infinity"],
        3,
        3,
    ),
    "polygon far away": (
        change("annotations", 0, segmentation=[[1e9, *SQUARE[1:]]]),
        ["annotation 1", "1000000000"],
        3,
        3,
    ),
    "polygon flat": (change("annotations", 0, segmentation=SQUARE), ["annotation 1", "polygon"], 3, 3),
    "polygon a text": (change("annotations", 0, segmentation="abc"), ["annotation 1", "segmentation is 'abc'"], 3, 3),
    "box nan": (change("annotations", 0, bbox=[1, NAN, 2, 2]), ["annotation 1", "bbox is [1, nan, 2, 2]"], 3, 3),
    "box of three": (
        change("annotations", 0, bbox=[1, 2, 2]),
        ["annotation 1", "bbox is [1, 2, 2]", "4 numbers"],
        3,
        3,
    ),
    "box negative": (change("annotations", 0, bbox=[1, 2, -2, 2]), ["annotation 1", "bbox is [1, 2, -2, 2]"], 3, 3),
    "area nan": (change("annotations", 0, area=NAN), ["annotation 1", "area"], 3, 3),
    "score a text": (change("annotations", 0, score="0.5"), ["annotation 1", "score"], 3, 3),
    "crowd 2": (change("annotations", 0, iscrowd=2), ["annotation 1", "iscrowd is 2"], 3, 3),
    "crowd without mask": (remove("annotations", 1, "segmentation"), ["annotation 2", "crowd without a mask"], 3, 3),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_records_raise_or_are_skipped_and_counted(coco_folder, caplog, name):
    damage, parts, images, objects = BAD_RECORDS[name]
    damage(coco_folder)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(coco_folder)
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError) == (name == "missing image")
    for part in [str(coco_folder.file), *parts, "skip_bad"]:
        assert part in message, message
    assert message.count("\n") == 0 and len(message) < 600

    report = LoadReport()
    with caplog.at_level(logging.INFO):
        dataset = load(coco_folder, skip_bad=True, report=report)
    assert len(dataset) == report.images == images
    assert sum(len(row["objects"]) for row in dataset) == report.objects == objects
    assert sum(report.skipped.values()) == 1
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and next(iter(report.skipped)) in warnings[0].getMessage()


def test_an_image_that_lost_an_object_is_not_complete(coco_folder):
    coco_folder.content["annotations"][0]["category_id"] = 4
    coco_folder.content["annotations"][3]["id"] = 3
    dataset = load(coco_folder, skip_bad=True)
    assert dataset["complete"] == [False, False, True]


BAD_FILES = {
    "not json": (lambda folder: folder.file.write_text("{'a': 1"), "not valid JSON"),
    "not text": (lambda folder: folder.file.write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
    "a list": (lambda folder: folder.file.write_text("[]"), "holds a list"),
    "no images": (
        lambda folder: folder.file.write_text('{"annotations": [], "categories": []}'),
        "'images' is missing",
    ),
    "images a dict": (
        lambda folder: folder.file.write_text('{"images": {}, "annotations": [], "categories": []}'),
        "'images' is a dict",
    ),
    "gone": (lambda folder: folder.file.unlink(), "not found"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_bad_files(coco_folder, name, skip_bad):
    damage, message = BAD_FILES[name]
    coco_folder.save()
    damage(coco_folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load_coco(coco_folder.file, coco_folder.images, skip_bad=skip_bad)
    assert str(coco_folder.file) in str(caught.value)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([], "'categories' is empty"),
        ([{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}], "duplicated category"),
        ([{"id": 3, "name": "cat"}, {"id": 7, "name": "cat"}], "duplicated category"),
        ([{"id": 3}], "category without a name"),
        ([{"name": "cat"}], "missing key id"),
        (["cat"], "not a JSON object"),
    ],
)
def test_bad_categories_cannot_be_skipped(coco_folder, categories, message):
    coco_folder.content["categories"] = categories
    with pytest.raises(ValueError, match=message) as caught:
        load(coco_folder, skip_bad=True)
    assert str(coco_folder.file) in str(caught.value)


def test_empty_datasets(coco_folder):
    shutil.rmtree(coco_folder.images)
    coco_folder.images.mkdir()
    with pytest.raises(ValueError, match="3 bad records skipped, the first one"):
        load(coco_folder, skip_bad=True)
    coco_folder.content["images"] = coco_folder.content["annotations"] = []
    with pytest.raises(ValueError, match="'images' is empty"):
        load(coco_folder)


def test_missing_image_folder_and_unknown_point_kind(coco_folder):
    with pytest.raises(FileNotFoundError, match="image folder not found"):
        load_coco(coco_folder.save(), coco_folder.images / "gone")
    with pytest.raises(ValueError, match="'center'"):
        load(coco_folder, point_source="middle")


def test_swapped_coordinates_are_recognized(coco_folder):
    coco_folder.content["annotations"][2]["point"] = [4, 30]
    with pytest.raises(ValueError, match="y 30 lies outside the height 24, but fits the width: are x and y swapped"):
        load_coco(coco_folder.save(), coco_folder.images)
