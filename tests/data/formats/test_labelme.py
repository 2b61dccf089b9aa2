# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import class_names, dataset_from_rows, load_annotations, make_object, supervision
from pointwssis.data.formats.labelme import load_labelme, write_labelme
from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_box
from pointwssis.ops.user_error import UserError, UserFileNotFoundError


def shape(kind, points, label="cat", **values):
    return {"label": label, "shape_type": kind, "points": points, "group_id": None, "flags": {}, **values}


def write(folder, name, *shapes, **values):
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None, **values}
    file = folder / f"{name.rpartition('/')[2].partition('.')[0]}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def png(mask):
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_every_kind_of_shape(marked_images, tmp_path):
    corner = np.array([[True, False], [True, True], [False, True]])
    file = write(
        tmp_path,
        "a.jpg",
        shape("point", [[10.5, 20]]),
        shape("point", [[40, 0]], label=""),  # a bare click on the right border
        shape("polygon", [[4, 3], [8, 3], [8, 9], [4, 9]], label="dog"),
        shape("rectangle", [[30, 21], [20, 15]]),
        shape("circle", [[20, 15], [20, 19]]),
        shape("mask", [[5, 6], [6, 8]], mask=png(corner)),
        imageWidth=40,
        imageHeight=30,
    )
    dataset = load_labelme(file, marked_images)
    assert class_names(dataset) == ["cat", "dog"] and dataset["complete"] == [True]
    click, bare, polygon, rectangle, circle, mask = dataset[0]["objects"]
    assert (click["point"], click["category"], click["segmentation"]) == ([10, 19.5], 0, None)
    assert (bare["point"], bare["category"]) == ([39, 0], None)
    assert rle_box(polygon["segmentation"]) == [4, 3, 4, 6] and polygon["point"] == [5.5, 5.5]
    assert polygon["category"] == 1 and polygon["area"] == 24
    assert rectangle["bbox"] == [20, 15, 10, 6] and rectangle["point"] == [24.5, 17.5]
    assert rle_box(circle["segmentation"]) == [16, 11, 8, 8] and circle["area"] == pytest.approx(16 * np.pi, abs=4)
    assert np.array_equal(decode_rle(mask["segmentation"])[6:9, 5:7], corner) and mask["area"] == 4


def test_groups_are_objects(marked_images, tmp_path):
    square, other = [[1, 1], [4, 1], [4, 4], [1, 4]], [[8, 8], [10, 8], [10, 10], [8, 10]]
    file = write(
        tmp_path,
        "a.jpg",
        shape("polygon", square, group_id=1),
        shape("polygon", other, group_id=1),
        shape("point", [[2.5, 3.5]], group_id=1),
        shape("polygon", other, label="dog", group_id=1),  # another label: another object
        shape("circle", [[20, 20], [20, 22]], group_id=2),
        shape("polygon", square, group_id=2),
        shape("rectangle", [[10, 10], [20, 20]], group_id=3),
        shape("point", [[11.5, 12.5]], group_id=3),
    )
    whole, dog, mixed, box = load_labelme(file, marked_images)[0]["objects"]
    assert whole["area"] == 9 + 4 and whole["point"] == [2, 3] and dog["area"] == 4
    assert rle_box(mixed["segmentation"]) == [1, 1, 21, 21]
    assert box["bbox"] == [10, 10, 10, 10] and box["point"] == [11, 12] and box["segmentation"] is None


def test_a_folder_with_flags(marked_images, tmp_path):
    folder = tmp_path / "labels"
    write(folder, "a.jpg", shape("point", [[1, 1]]), flags={"incomplete": True, "sunny": False})
    write(folder, "../images/city/b.png", flags={"cat": True})
    write(folder, "empty.png")
    (folder / "deep").mkdir()
    write(folder / "deep", "dot.png", flags={"incomplete": True})
    rows = {row["file_name"]: row for row in load_annotations(folder, marked_images)}
    assert list(rows) == ["a.jpg", "city/b.png", "dot.png", "empty.png"]
    assert [row["complete"] for row in rows.values()] == [False, False, False, True]
    assert [supervision(row) for row in rows.values()] == ["point", "image", "none", "full"]


def test_old_files_are_read(marked_images, tmp_path):
    """Neither shape types nor sizes; the picture in front of the shapes."""
    content = {"imageData": "A" * 100_000, "imagePath": "a.jpg", "lineColor": [0, 255, 0, 128], "shapes": []}
    content["shapes"].append({"label": "cat", "line_color": None, "points": [[1, 1], [5, 1], [5, 5]]})
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert load_annotations(tmp_path / "a.json", marked_images)[0]["objects"][0]["segmentation"] is not None


def test_points_of_masks_come_back(marked_images, tmp_path):
    mask = np.zeros((30, 40), bool)
    mask[3:9, 4:8] = mask[20:25, 4:8] = True
    mask[5, 5] = False
    values = {"image": str(marked_images / "a.jpg"), "image_id": 1, "width": 40, "height": 30, "file_name": "a.jpg"}
    item = make_object(1, 0, point=[6.0, 4.0], segmentation=encode_mask(mask))
    bare = make_object(2, None, point=[1.0, 2.0])
    row = {**values, "complete": True, "image_labels": None, "objects": [item, bare]}
    folder = write_labelme(dataset_from_rows([row], ["cat"]), tmp_path / "labels")
    content = json.loads((folder / "a.json").read_text())
    assert (tmp_path / "labels" / content["imagePath"]).resolve() == (marked_images / "a.jpg").resolve()
    assert [each["shape_type"] for each in content["shapes"]] == ["polygon", "polygon", "point", "point"]
    again, click = load_annotations(folder, marked_images)[0]["objects"]
    assert again["point"] == [6, 4] and again["segmentation"] == item["segmentation"]
    assert click["point"] == [1, 2] and click["category"] is None


def test_two_images_do_not_share_a_file(tmp_path):
    values = {"image": {"path": None, "bytes": b"x"}, "width": 4, "height": 4, "complete": True, "image_labels": None}
    rows = [{**values, "image_id": n, "file_name": name, "objects": []} for n, name in enumerate(("a.jpg", "a.png"))]
    with pytest.raises(ValueError, match=r"a.png and a.jpg would share .*a.json"):
        write_labelme(dataset_from_rows(rows, ["cat"]), tmp_path / "labels")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, r"keys is \['images'\]: not a LabelMe file"),
        ([1], r"keys is \[1\]: not a LabelMe file"),
        ({"shapes": []}, "imagePath is None"),
        ({"shapes": [], "imagePath": "z.jpg"}, "missing image file"),
        ({"shapes": [], "imagePath": "empty.png", "flags": 3}, "flags is 3"),
        ({"shapes": [], "imagePath": "empty.png", "imageWidth": 8, "imageHeight": 10}, "EXIF orientation"),
    ],
)
def test_a_bad_file_of_a_folder_is_skipped(marked_images, tmp_path, content, message):
    folder = tmp_path / "labels"
    write(folder, "a.jpg", shape("point", [[1, 1]]))
    (folder / "other.json").write_text(json.dumps(content))
    with pytest.raises((ValueError, FileNotFoundError), match=rf"labels: file other.json: .*{message}"):
        load_annotations(folder, marked_images)
    assert load_annotations(folder, marked_images, skip_bad=True)["file_name"] == ["a.jpg"]


def test_a_file_that_is_cut_off(marked_images, tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": [')
    with pytest.raises(ValueError, match=r"a.json: image: file is 'a.json': not valid JSON"):
        load_annotations(tmp_path / "a.json", marked_images)


def test_folders_as_people_have_them(marked_images, tmp_path):
    dog = shape("point", [[10, 9]], label="dog")
    write(tmp_path / "labels", "a.jpg", dog)
    write(tmp_path / "elsewhere", "city/b.png", dog)
    folder = tmp_path / "labels"
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "a.json").rename(folder / "a.JSON")
    # Copies of Jupyter, leftovers of a Mac, and a folder with the name of a file
    write(folder / ".ipynb_checkpoints", "a.jpg", dog)
    (folder / "._a.json").write_bytes(b"\0\5\x16\7")
    (folder / "0.json").mkdir()
    assert load_annotations(folder, marked_images)["file_name"] == ["a.jpg", "city/b.png"]
    # Another file comes first, and still the folder is one of LabelMe's.
    (folder / "0_config.json").write_text("{}")
    with pytest.raises(UserError, match="file 0_config.json: keys is .*: not a LabelMe file"):
        load_annotations(folder, marked_images)


def test_a_link_that_leads_nowhere(marked_images, tmp_path):
    write(tmp_path / "labels", "a.jpg", shape("point", [[10, 20]]))
    (tmp_path / "labels" / "0.json").symlink_to("nowhere.json")
    with pytest.raises(UserFileNotFoundError, match="file 0.json: .* a link to a file that does not exist"):
        load_annotations(tmp_path / "labels", marked_images)


def test_another_encoding_is_named_once(marked_images, tmp_path):
    file = write(tmp_path, "a.jpg")
    file.write_bytes(file.read_bytes().replace(b'"shapes"', b'"caf\xe9": 0, "shapes"'))
    with pytest.raises(UserError, match="not UTF-8 text") as caught:
        load_annotations(file, marked_images)
    assert str(caught.value).count(str(file)) == 1 and "JSON" not in str(caught.value)


def test_rectangles_of_four_corners(marked_images, tmp_path):
    corners = [[4, 3], [8, 3], [8, 9], [4, 9]]
    rows = load_annotations(write(tmp_path, "a.jpg", shape("rectangle", corners)), marked_images)
    assert rows[0]["objects"][0]["bbox"] == [4, 3, 4, 6]
    corners[0] = [3, 4]
    with pytest.raises(UserError, match="rectangle that is rotated; make it a polygon"):
        load_annotations(write(tmp_path, "a.jpg", shape("rectangle", corners)), marked_images)
