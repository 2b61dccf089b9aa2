# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K labels, written here after its documentation: run lengths, outlines, bitmasks, boxes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import LoadReport, class_names, object_masks, supervision
from pointwssis.data.errors import AnnotationError
from pointwssis.data.formats.bdd100k import load_bdd100k
from pointwssis.data.formats.bdd100k_polygons import CURVE_STEPS, read_poly2d
from pointwssis.data.prepared import protocols
from pointwssis.data.prepared.opening import open_prepared
from pointwssis.data.prepared.prepare_bdd100k import prepare_bdd100k
from pointwssis.ops.coco_masks import decode_rle, encode_mask

WIDTH, HEIGHT = 32, 18
CAR, RIDER, CROWD = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
CAR[4:10, 3:13] = True
RIDER[2:15, 20:24] = True
CROWD[12:18, 0:8] = True
NAMES = ["0000f77c-6257be58", "b1c66a42-6f7d68ca", "fe1f2409-c16ea1ed"]


def rectangle(mask: np.ndarray) -> list[list[float]]:
    rows, columns = np.nonzero(mask)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [[float(x), float(y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def box(mask: np.ndarray) -> dict[str, float]:
    (x1, y1), _, (x2, y2), _ = rectangle(mask)
    return {"x1": x1, "y1": y1, "x2": x2 - 1, "y2": y2 - 1}


def label(category: str, **values: Any) -> dict[str, Any]:
    """Return a label with the keys of the dataset's own files."""
    empty = {"index": None, "score": None, "attributes": {}, "box3d": None, "poly2d": None, "rle": None, "graph": None}
    return {"id": "7", **empty, "category": category, **values}


def frame(name: str, *labels: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"name": f"{name}.jpg", "url": None, "videoName": None, "size": None, "labels": list(labels), **values}


FORMS = {
    "rles": lambda mask: {"rle": encode_mask(mask), "box2d": box(mask)},
    "polygons": lambda mask: {"poly2d": [{"vertices": rectangle(mask), "types": "LLLL", "closed": True}]},
}


def masked_frames(form: str) -> list[dict[str, Any]]:
    shape = FORMS[form]
    crowd = label("person", attributes={"crowd": True}, **shape(CROWD))
    passed_over = label("traffic sign", box2d=box(CAR))
    return [
        frame(NAMES[0], label("car", **shape(CAR)), passed_over, label("rider", **shape(RIDER)), crowd),
        frame(NAMES[1]),
    ]


def write_bitmasks(folder: Path) -> None:
    folder.mkdir(parents=True)
    pixels = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    for mask, values in ((CAR, [3, 0b1100, 0, 0]), (RIDER, [2, 0, 0, 2]), (CROWD, [1, 0b10, 1, 44])):
        pixels[mask] = values
    Image.fromarray(pixels, "RGBA").save(folder / f"{NAMES[0]}.png")
    Image.fromarray(np.zeros_like(pixels), "RGBA").save(folder / f"{NAMES[1]}.png")


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in NAMES:
        Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 60)).save(folder / f"{name}.jpg")
    return folder


@pytest.fixture
def load(images, tmp_path):
    def loaded(content: Any, **options: Any):
        (tmp_path / "labels.json").write_text(json.dumps(content))
        return load_bdd100k(tmp_path / "labels.json", images, **options)

    return loaded


# -- the forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["rles", "polygons", "bitmasks"])
def test_the_forms_of_masks(images, tmp_path, load, form):
    if form == "bitmasks":
        write_bitmasks(tmp_path / "bitmasks")
        rows = load_bdd100k(tmp_path / "bitmasks", images)
        numbers = [0, 2, 300]
    else:
        rows, numbers = load(masked_frames(form)), [0, 2, 3]
    assert class_names(rows)[:4] == ["pedestrian", "rider", "car", "truck"] and len(class_names(rows)) == 8
    first, second = rows
    assert [supervision(row) for row in rows] == ["full", "full"] and second["objects"] == [] and second["complete"]
    assert (first["width"], first["height"], first["file_name"]) == (WIDTH, HEIGHT, f"{NAMES[0]}.jpg")
    car, rider, crowd = first["objects"]
    assert [item["category"] for item in first["objects"]] == [2, 1, 0]
    for item, mask in ((car, CAR), (rider, RIDER), (crowd, CROWD)):
        assert np.array_equal(decode_rle(item["segmentation"]), mask)
        assert item["area"] == mask.sum()
    assert car["point"] == [7.5, 6.5] and car["bbox"] == [3, 4, 10, 6]
    assert crowd["iscrowd"] and crowd["point"] is None and len(object_masks(first)) == 2
    assert [item["id"] - (first["image_id"] << 16) for item in first["objects"]] == numbers
    assert len({row["image_id"] for row in rows}) == 2 and all(0 < row["image_id"] < 2**47 for row in rows)


def test_an_image_has_the_same_number_in_every_form(images, tmp_path, load):
    write_bitmasks(tmp_path / "bitmasks")
    bitmasks = load_bdd100k(tmp_path / "bitmasks", images)
    assert (
        bitmasks["image_id"] == load(masked_frames("rles"))["image_id"] == load(masked_frames("polygons"))["image_id"]
    )


def test_boxes_become_points(load):
    rows = load(
        {"frames": [frame(NAMES[0], label("bike", box2d={"x1": 3, "y1": 4.5, "x2": 12, "y2": 9})), frame(NAMES[1])]}
    )
    (item,) = rows[0]["objects"]
    assert item["point"] == [7.5, 6.75] and item["bbox"] == [3, 4.5, 10, 5.5]  # both ends belong to the box
    assert item["segmentation"] is None and class_names(rows)[item["category"]] == "bicycle"
    assert [supervision(row) for row in rows] == ["point", "full"]
    (item,) = load([frame(NAMES[0], label("car", box2d={"x1": -5, "y1": 16, "x2": 2, "y2": 40}))])[0]["objects"]
    assert item["point"] == [0, 17]  # of a box that leaves the image, the nearest pixel


def test_old_names_and_labels_that_are_no_instances(load):
    old = ["person", "pedestrian", "motor", "motorcycle", "van", "caravan", "rider", "truck", "bus", "train"]
    passed_over = ["traffic light", "traffic sign", "lane", "lane/road curb", "drivable area", "area/alternative"]
    rows = load([frame(NAMES[0], *(label(name, box2d=box(CAR)) for name in [*passed_over, *old]))])
    names = [class_names(rows)[item["category"]] for item in rows[0]["objects"]]
    assert names == ["pedestrian"] * 2 + ["motorcycle"] * 2 + ["car"] * 2 + ["rider", "truck", "bus", "train"]
    assert rows[0]["complete"]


@pytest.mark.parametrize(
    ("category", "attributes"),
    [
        ("car", {"crowd": True}),
        ("car", {"ignored": True}),
        ("other vehicle", {}),
        ("trailer", None),
        ("other person", {}),
    ],
)
def test_what_is_ignored_is_a_region(load, category, attributes):
    (item,) = load([frame(NAMES[0], label(category, attributes=attributes, box2d=box(CAR)))])[0]["objects"]
    assert item["iscrowd"] and item["point"] is None and np.array_equal(decode_rle(item["segmentation"]), CAR)
    (item,) = load([frame(NAMES[0], label("car", attributes={"crowd": False, "occluded": True}, box2d=box(CAR)))])[0][
        "objects"
    ]
    assert not item["iscrowd"]


def test_sizes_without_images(load, images):
    for file in images.iterdir():
        file.unlink()
    sized = frame(NAMES[1], size={"width": 64, "height": 36})
    rows = load([frame(NAMES[0]), sized], check_images=False)
    assert [(row["width"], row["height"]) for row in rows] == [(1280, 720), (64, 36)]
    with pytest.raises(FileNotFoundError, match=NAMES[0]):
        load([frame(NAMES[0])])


# -- curves -----------------------------------------------------------------------------------------------------------


def outline(types: str, *vertices: tuple[float, float]) -> np.ndarray:
    (polygon,) = read_poly2d([{"vertices": [list(vertex) for vertex in vertices], "types": types, "closed": True}])
    return np.array(polygon).reshape(-1, 2)


K = 4 * (2**0.5 - 1) / 3  # with which four cubic curves look like a circle
QUARTERS = [(1, K), (K, 1), (0, 1), (-K, 1), (-1, K), (-1, 0), (-1, -K), (-K, -1), (0, -1), (K, -1), (1, -K)]


@pytest.mark.parametrize(
    ("types", "vertices"),
    [
        ("L" + "CCC" * 3 + "CC", [(1, 0), *QUARTERS]),
        ("L" + "CCL" * 3 + "CC", [(1, 0), *QUARTERS]),
        ("L" + "CCC" * 4, [(1, 0), *QUARTERS, (1, 0)]),
        ("C" + "CCL" + "CCC" * 2 + "CCL", [(1, 0), *QUARTERS, (1, 0)]),
    ],
)
def test_a_circle_of_curves(types, vertices):
    points = outline(types, *vertices)
    assert len(points) == 1 + 4 * CURVE_STEPS
    assert np.abs(np.linalg.norm(points, axis=1) - 1).max() < 3e-4
    angles = np.unwrap(np.arctan2(points[:, 1], points[:, 0]))
    assert np.all(np.diff(angles) > 0) and angles[-1] - angles[0] == pytest.approx(2 * np.pi)


def test_lines_and_curves_in_turn():
    points = outline("LLCCCL", (0, 0), (4, 0), (6, 0), (6, 4), (4, 4), (0, 4))
    assert points[:2].tolist() == [[0, 0], [4, 0]] and points[-2:].tolist() == [[4, 4], [0, 4]]
    assert points[:, 0].max() == pytest.approx(5.5) and len(points) == 3 + CURVE_STEPS
    assert outline("LLL", (0, 0), (1, 0), (1, 1)).tolist() == [[0, 0], [1, 0], [1, 1]]
    (plain,) = read_poly2d([{"vertices": [[0, 0], [1, 0], [1, 1]]}])
    assert plain == [0, 0, 1, 0, 1, 1]


def test_parts_of_an_object_are_one_mask(load):
    parts = [{"vertices": rectangle(mask), "types": "LLLL", "closed": True} for mask in (CAR, RIDER)]
    (item,) = load([frame(NAMES[0], label("car", poly2d=parts))])[0]["objects"]
    assert np.array_equal(decode_rle(item["segmentation"]), CAR | RIDER)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"vertices": [[0, 0], [1, 1]], "types": "LL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [1, None]], "types": "LLL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [1, 2, 3]], "types": "LLL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LL", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LLX", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LCL", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LLL", "closed": False}, "closed"),
        ({"types": "LLL", "closed": True}, "vertices"),
        (3, "poly2d"),
    ],
)
def test_outlines_that_are_none(part, field):
    with pytest.raises(AnnotationError) as caught:
        read_poly2d([part])
    assert caught.value.field == field


# -- bad records ------------------------------------------------------------------------------------------------------

GOOD = label("car", box2d=box(CAR))
# one bad label, parts of the message
BAD_LABELS = {
    "no object": (5, ["label is 5"]),
    "no category": ({"id": 1, "box2d": box(CAR)}, ["label 1", "missing key category"]),
    "unknown category": (label("cat", box2d=box(CAR)), ["label 7", "category is 'cat'", "pedestrian"]),
    "category a number": (label(3, box2d=box(CAR)), ["category is 3"]),
    "nothing": (label("car"), ["neither mask nor box"]),
    "attributes a list": (label("car", attributes=[1], box2d=box(CAR)), ["attributes is [1]"]),
    "box a list": (label("car", box2d=[1, 2, 3, 4]), ["box2d is [1, 2, 3, 4]"]),
    "box of three": (label("car", box2d={"x1": 1, "y1": 2, "x2": 3}), ["missing key y2"]),
    "box of text": (label("car", box2d={**box(CAR), "x1": "3"}), ["box2d", "not a number"]),
    "box nan": (label("car", box2d={**box(CAR), "x1": float("nan")}), ["box2d", "finite"]),
    "box turned": (label("car", box2d={"x1": 9, "y1": 2, "x2": 3, "y2": 4}), ["ends before it begins"]),
    "box outside": (label("car", box2d={"x1": 32, "y1": 2, "x2": 40, "y2": 4}), ["outside of the image", "32 × 18"]),
    "rle of another size": (label("car", rle=encode_mask(np.eye(4))), ["rle", "[18, 32]"]),
    "rle of text": (label("car", rle="abc"), ["rle is 'abc'"]),
    "rle without a pixel": (label("car", rle=encode_mask(CAR & RIDER)), ["mask without a pixel"]),
    "open path": (label("car", poly2d=[{"vertices": rectangle(CAR), "types": "LLLL", "closed": False}]), ["closed"]),
    "curve": (
        label("car", poly2d=[{"vertices": rectangle(CAR), "types": "LLCL", "closed": True}]),
        ["types is 'LLCL'"],
    ),
    "poly2d a number": (label("car", poly2d=4), ["poly2d is 4"]),
    "far away": (label("car", poly2d=[{"vertices": [[0, 0], [1e9, 0], [4, 4]]}]), ["1000000000", "32 × 18"]),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_raise_or_are_skipped_and_counted(load, tmp_path, name):
    bad, parts = BAD_LABELS[name]
    content = [frame(NAMES[0], GOOD, bad), frame(NAMES[1], GOOD)]
    with pytest.raises(ValueError) as caught:
        load(content)
    for part in [str(tmp_path / "labels.json"), f"frame '{NAMES[0]}.jpg', label", *parts, "skip_bad"]:
        assert part in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)
    report = LoadReport()
    rows = load(content, skip_bad=True, report=report)
    assert [len(row["objects"]) for row in rows] == [1, 1] and rows["complete"] == [False, True]
    assert sum(report.skipped.values()) == 1 and (report.images, report.objects) == (2, 2)


BAD_FRAMES = {
    "no object": (5, ["frame at position 1", "frame is 5"]),
    "no name": ({"labels": []}, ["frame at position 1", "missing key name"]),
    "name a number": ({"name": 4}, ["name is 4"]),
    "no image": (frame("gone"), ["frame 'gone.jpg'", "not found"]),
    "twice": (frame(NAMES[0]), [f"frame '{NAMES[0]}.jpg'", "duplicated frame"]),
    "another size": (frame(NAMES[1], size={"width": 33, "height": 18}), ["33 × 18", "32 × 18"]),
    "size of text": (frame(NAMES[1], size={"width": "33", "height": 18}), ["size is"]),
    "labels a text": ({"name": f"{NAMES[1]}.jpg", "labels": "none"}, ["labels is 'none'"]),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames_raise_or_are_skipped_and_counted(load, tmp_path, name):
    bad, parts = BAD_FRAMES[name]
    content = [frame(NAMES[0], GOOD), bad, frame(NAMES[2])]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(content)
    for part in [str(tmp_path / "labels.json"), *parts, "skip_bad"]:
        assert part in str(caught.value), str(caught.value)
    report = LoadReport()
    rows = load(content, skip_bad=True, report=report)
    assert rows["file_name"] == [f"{NAMES[0]}.jpg", f"{NAMES[2]}.jpg"] and sum(report.skipped.values()) == 1


@pytest.mark.parametrize(
    ("content", "part"), [({"images": []}, "without frames"), (3, "without frames"), ([], "there are none")]
)
def test_files_without_frames(load, content, part):
    with pytest.raises(ValueError, match=part):
        load(content)


def test_files_that_are_none(tmp_path, images):
    with pytest.raises(FileNotFoundError, match="labels not found"):
        load_bdd100k(tmp_path / "gone.json", images)
    (tmp_path / "a.json").write_text("[{]")
    with pytest.raises(ValueError, match="a.json: not valid JSON"):
        load_bdd100k(tmp_path / "a.json", images)
    with pytest.raises(FileNotFoundError, match="image folder not found"):
        load_bdd100k(tmp_path / "a.json", tmp_path / "gone")


def test_bad_bitmasks(tmp_path, images):
    def spoil(change) -> str:
        folder = tmp_path / change.__name__
        write_bitmasks(folder)
        path = folder / f"{NAMES[0]}.png"
        change(path)
        with pytest.raises(ValueError) as caught:
            load_bdd100k(folder, images)
        report = LoadReport()
        rows = load_bdd100k(folder, images, skip_bad=True, report=report)
        assert sum(report.skipped.values()) == 1 and len(rows) == 2 - ("instance" not in str(caught.value))
        return str(caught.value)

    def changed(path: Path, values: list[int]) -> None:
        pixels = np.array(Image.open(path))
        pixels[5, 5] = values
        Image.fromarray(pixels, "RGBA").save(path)

    def two_categories(path):
        changed(path, [4, 0b1100, 0, 0])

    def unknown_category(path):
        changed(path, [9, 0, 9, 9])

    def gray(path):
        Image.open(path).convert("L").save(path)

    def cut_off(path):
        path.write_bytes(path.read_bytes()[:60])

    def of_another_size(path):
        Image.open(path).resize((16, 9)).save(path)

    for change, parts in {
        two_categories: ["instance 0", "two kinds"],
        unknown_category: ["instance 2313", "R is 9", "1 to 8"],
        gray: ["not RGBA", f"{NAMES[0]}.png", "it is L"],
        cut_off: [f"{NAMES[0]}.png"],
        of_another_size: ["16 × 9", "32 × 18"],
    }.items():
        message = spoil(change)
        for part in [f"frame '{NAMES[0]}.jpg'", *parts, "skip_bad"]:
            assert part in message, message


# -- the prepared dataset ---------------------------------------------------------------------------------------------


@pytest.fixture
def bdd_folder(tmp_path, monkeypatch) -> Path:
    """BDD100K as it unpacks: two images with masks, one to validate on, five with boxes, of which two are also here."""
    root = tmp_path / "bdd100k"
    extra = [f"{number:08x}-00000000" for number in range(3)]
    found = {"10k/train": NAMES[:2], "10k/val": NAMES[2:], "100k/train": [NAMES[0], NAMES[2], *extra]}
    for folder, names in found.items():
        (root / "images" / folder).mkdir(parents=True)
        for name in names:
            Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 60)).save(root / "images" / folder / f"{name}.jpg")
    for form in FORMS:
        (root / "labels" / "ins_seg" / form).mkdir(parents=True)
        for split, frames in {
            "train": masked_frames(form),
            "val": [frame(NAMES[2], *masked_frames(form)[0]["labels"])],
        }.items():
            (root / "labels" / "ins_seg" / form / f"ins_seg_{split}.json").write_text(json.dumps(frames))
    boxes = [
        frame(name, GOOD, label("car", attributes={"crowd": True}, box2d=box(CROWD))) for name in found["100k/train"]
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
