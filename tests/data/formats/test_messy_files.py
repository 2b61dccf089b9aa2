# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files that people met: contradictions, prompts, fractions, odd encodings, loops, and images elsewhere.

The inputs are rebuilt here, so that the tests run everywhere; those of `../shared/cases` are loaded too where they
exist. All images have 120 × 80 pixels, with objects at (x 10–50, y 10–40) and (60–90, 30–70).
"""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pointwssis.checking.checkup import check_recipe
from pointwssis.checking.findings import WARNING
from pointwssis.data import LoadReport, class_names, load_annotations
from pointwssis.data.formats.label_studio_rle import encode_brush
from pointwssis.ops.coco_masks import rle_area, rle_box
from pointwssis.ops.user_error import UserError
from pointwssis.runs.recipe import Recipe

SQUARE = [[10, 10, 50, 10, 50, 40, 10, 40]]
TALL = [[60, 30, 90, 30, 90, 70, 60, 70]]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        pixels = np.random.default_rng(seed).integers(0, 255, (80, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def cases(shared_dir):
    if not (shared_dir / "cases").is_dir():
        pytest.skip("needs ../shared/cases")
    return shared_dir / "cases"


def write_coco(images: Path, *annotations: dict[str, Any], **content: Any) -> Path:
    """Write a COCO file with these annotations of a.png."""
    common = {"image_id": 1, "category_id": 1}
    listed = [{"id": n, **common, **each} for n, each in enumerate(annotations, start=1)]
    records = [{"id": 1, "file_name": "a.png", "width": 120, "height": 80}]
    file = images.parent / "coco.json"
    file.write_text(
        json.dumps({"images": records, "annotations": listed, "categories": [{"id": 1, "name": "cell"}]} | content)
    )
    return file


def error_of(path: Path, images: Path, **options: Any) -> str:
    """Return the message of the one error that loading ends in, within a second of this process."""
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        load_annotations(path, images, **options)
    assert time.process_time() - start < 1
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


# -- contradictions


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"segmentation": SQUARE, "score": 17}, "score is 17.0: score outside of 0 … 1"),
        ({"segmentation": SQUARE, "area": -140}, "area is -140.0: negative area"),
        ({"segmentation": SQUARE, "level": 99}, "level is 99: level is not the number of a pyramid level"),
        ({"segmentation": SQUARE, "level": 10**30}, "not the number of a pyramid level"),
        ({"segmentation": SQUARE, "bbox": [10, 10, 10**400, 30]}, "bbox is NaN or infinite"),
        ({"segmentation": [[10, 10, 1e9, 10, 50, 40]]}, "polygon far outside of the image"),
        ({"segmentation": [[0.1, 0.1, 0.4, 0.1, 0.4, 0.5]]}, "multiply x by the width 120 and y by the height 80"),
        ({"bbox": [0.1, 0.1, 0.4, 0.5], "point": None}, "coordinates seem to be parts of the image (0 to 1)"),
    ],
)
def test_impossible_values_are_refused_or_skipped(images, values, part):
    path = write_coco(images, {"segmentation": TALL}, values)
    assert part in error_of(path, images)
    report = LoadReport()
    row = load_annotations(path, images, skip_bad=True, report=report)[0]
    assert len(row["objects"]) == 1 and not row["complete"] and sum(report.skipped.values()) == 1


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        ({"bbox": [90, 60, 20, 15]}, "box that does not fit its mask"),
        ({"area": 3}, "area that does not fit its mask"),
        ({"point": [100, 70]}, "point outside of its mask"),
    ],
)
def test_contradictions_are_warned_of_and_found_by_check(images, caplog, values, remark):
    path, report = write_coco(images, {"segmentation": SQUARE, **values}), LoadReport()
    with caplog.at_level(logging.WARNING):
        load_annotations(path, images, report=report)
    assert report.notes == {remark: 1} and report.suspects == {remark} and remark in caplog.text
    findings = check_recipe(Recipe(train_annotations=str(path), image_dir=str(images), labeled_fraction=None)).findings
    name = "points outside of their mask" if "point" in values else remark
    assert any(finding.what == name and (finding.severity, finding.count) == (WARNING, 1) for finding in findings)


def test_values_that_fit_roughly_are_fine(images):
    roboflow = {"segmentation": [[10, 10, 50, 10, 10, 40]], "bbox": [10, 10, 40, 30], "area": 1200}
    report = LoadReport()
    load_annotations(
        write_coco(images, roboflow, {"segmentation": TALL, "bbox": [58, 28, 33, 43]}), images, report=report
    )
    assert not report.notes


def test_clicks_in_parts_of_the_image(images):
    path = images.parent / "clicks.csv"
    path.write_text("image,x,y,label\na.png,0.25,0.5,cell\nb.png,0.5,0.75,cell\n")
    assert "multiply x by its width and y by its height" in error_of(path, images)
    path.write_text("image,x,y,label\na.png,0.25,0.5,cell\nb.png,10,0.75,cell\n")
    assert len(load_annotations(path, images)) == 2  # one click may be in the first pixel


def test_a_table_that_is_cut_in_its_last_label(images, caplog):
    path = images.parent / "clicks.csv"
    path.write_text("image,x,y,label\na.png,25,5,cell\nb.png,5,7,ce")
    assert "line 3: label is 'ce': last line is cut off; it may have been 'cell'" in error_of(path, images)
    path.write_text("image,x,y,label\na.png,25,5,cell\nb.png,5,7,cell")
    report = LoadReport()
    load_annotations(path, images, report=report)
    assert "last line without a line break (the file may be cut off)" in report.suspects and "suspect" in caplog.text


# -- marks of one object


def studio(images: Path, *results: tuple[str, str, dict[str, Any], dict[str, Any]]) -> Path:
    size = {"original_width": 120, "original_height": 80, "image_rotation": 0}
    listed = []
    for name, kind, value, more in results:
        listed.append({"id": name, "type": kind, **size, "value": {**value, kind: ["cell"]}, **more})
    path = images.parent / "tasks.json"
    path.write_text(json.dumps([{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": listed}]}]))
    return path


def brush(left: int, right: int) -> dict[str, Any]:
    mask = np.zeros((80, 120), bool)
    mask[10:40, left:right] = True
    return {"format": "rle", "rle": encode_brush(mask)}


def keypoint(x: float, y: float) -> dict[str, Any]:
    return {"x": x / 1.2, "y": y / 0.8, "width": 0.4}


def test_prompts_and_the_mask_made_from_them_are_one_object(images):
    mask = ("m", "brushlabels", brush(10, 50), {})
    inside, other = ("p", "keypointlabels", keypoint(30, 20), {}), ("q", "keypointlabels", keypoint(75, 50), {})
    first, second = load_annotations(studio(images, inside, mask, other), images)[0]["objects"]
    assert rle_area(first["segmentation"]) == 1200 and first["point"] == pytest.approx([29.5, 19.5])
    assert second["segmentation"] is None and second["point"] == pytest.approx([74.5, 49.5])

    box = ("r", "rectanglelabels", {"x": 10 / 1.2, "y": 12.5, "width": 40 / 1.2, "height": 37.5, "rotation": 0}, {})
    (item,) = load_annotations(studio(images, box, mask), images)[0]["objects"]
    assert rle_box(item["segmentation"]) == [10, 10, 40, 30] and item["point"] == [29.5, 24.5]

    negative = ("n", "keypointlabels", keypoint(80, 60), {"is_positive": False})
    positive = [("p", "keypointlabels", keypoint(x, 20), {"is_positive": True}) for x in (20, 30)]
    report = LoadReport()
    row = load_annotations(studio(images, *positive, negative, mask), images, report=report)[0]
    assert len(row["objects"]) == 1 and row["complete"] and len(report.notes) == 2
    with pytest.raises(UserError, match="there is no label"):
        load_annotations(studio(images, negative), images)


def test_strokes_of_one_region_are_one_object(images):
    strokes = [("m", "brushlabels", brush(10, 30), {}), ("m", "brushlabels", brush(40, 50), {})]
    (item,) = load_annotations(studio(images, *strokes), images)[0]["objects"]
    assert rle_area(item["segmentation"]) == 900


def test_clicks_beside_masks_in_other_formats(images):
    click = {"point": [30, 20]}
    (item,) = load_annotations(write_coco(images, {"segmentation": SQUARE}, click), images)[0]["objects"]
    assert item["point"] == [30, 20] and item["segmentation"] is not None
    # A mask whose point the file states is another object, as in files of pseudo labels.
    stated = {"segmentation": SQUARE, "point": [15, 15]}
    assert len(load_annotations(write_coco(images, stated, click), images)[0]["objects"]) == 2
    path = images.parent / "cvat.xml"
    polygon = '<polygon label="cell" points="10,10;50,10;50,40;10,40"/>'
    path.write_text(
        f'<annotations><image id="0" name="a.png" width="120" height="80">{polygon}'
        '<points label="cell" points="30,20;70,50"/><points label="dog" points="30,20"/></image></annotations>'
    )
    items = load_annotations(path, images)[0]["objects"]
    assert [item["point"] for item in items] == [[29.5, 19.5], [69.5, 49.5], [29.5, 19.5]]


# -- categories


def test_an_unused_category_with_the_name_of_another(images, caplog):
    categories = [{"id": 0, "name": "cell", "supercategory": "none"}, {"id": 1, "name": "cell"}]
    rows = load_annotations(write_coco(images, {"segmentation": SQUARE}, categories=categories), images)
    assert class_names(rows) == ["cell"] and rows[0]["objects"][0]["category"] == 0
    assert "unused category with the name of another one (left out)" in caplog.text
    used = [{"segmentation": SQUARE}, {"segmentation": TALL, "category_id": 0}]
    assert "duplicated category" in error_of(write_coco(images, *used, categories=categories), images)


# -- borders and encodings


@pytest.mark.parametrize("x", [120, 119.9999999])
def test_the_right_border_is_in_the_last_pixel_for_every_reader(images, x):
    files = {
        "a.csv": f"image,x,y,label\na.png,{x},80,cell\n",
        "a.jsonl": json.dumps({"image": "a.png", "x": x, "y": 80, "label": "cell"}),
        "a.xml": f'<annotations><image id="0" name="a.png" width="120" height="80"><points label="cell" '
        f'points="{x},80"/></image></annotations>',
        "via.json": json.dumps(
            {
                "a": {
                    "filename": "a.png",
                    "regions": [
                        {
                            "shape_attributes": {"name": "point", "cx": x, "cy": 80},
                            "region_attributes": {"label": "cell"},
                        }
                    ],
                }
            }
        ),
        "a.json": json.dumps(
            {
                "imagePath": "a.png",
                "imageData": None,
                "shapes": [{"label": "cell", "shape_type": "point", "points": [[x, 80]]}],
            }
        ),
    }
    paths = [write_coco(images, {"point": [x, 80]})]
    for name, text in files.items():
        (images.parent / name).write_text(text)
        paths.append(images.parent / name)
    for path in paths:
        point = load_annotations(path, images)[0]["objects"][0]["point"]
        assert 118.9 < point[0] < 120 and point[1] == 79, path


def test_tables_in_other_encodings(images):
    path, text = images.parent / "clicks.csv", "image,x,y,label\na.png,30,20,größer\n"
    for encoding in ("utf-16", "utf-8-sig", "utf-32"):
        path.write_bytes(text.encode(encoding))
        assert class_names(load_annotations(path, images)) == ["größer"]
    path.write_bytes(text.encode("cp1252"))
    message = error_of(path, images)
    assert "line 2" in message and "as Windows-1252 (cp1252) it reads" in message and "größer" in message


def test_line_separators_inside_json_lines(images):
    path = images.parent / "clicks.jsonl"
    path.write_text('{"image": "a.png", "x": 30, "y": 20, "label": "ce\u2028ll"}\n', encoding="utf-8")
    assert class_names(load_annotations(path, images)) == ["ce\u2028ll"]


# -- damage


ALIASES = "a0: &a0 [x,x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("data.yaml", ALIASES + "train: images\nnames: *a9\n", "aliases multiply to more than"),
        ("data.yaml", "names: &a [*a]\n", "line 1, column 8"),
        ("data.yaml", "train: images\nnames: !!timestamp x\n", "cannot be read as timestamp"),
        ("data.yaml", "names: " + "[" * 100_000, "nested too deeply"),
        ("data.yaml", f"names: [a]\nnc: {'9' * 5000}\n", "cannot be read as int"),
        ("data.yaml", "names: [a]\ntrain: [[1]]\n", "train holds [1]; write paths as text"),
        ("data.yaml", f"names: [a]\ntrain: {'x' * 5000}\n", "not found; looked for"),
        ("a.json", '{"images":' + "[" * 100_000, "ested too deeply"),
        ("tasks.json", "[" * 100_000, "ested too deeply"),
        ("a.jsonl", '{"image": "a.png", "x": ' + "[" * 100_000, "ested too deeply"),
        ("a.xml", '<?xml version="1.0" encoding="x"?><annotations/>', "not valid XML (unknown encoding"),
        ("a.xml", '<?xml version="1.0" encoding="shift_jis"?><annotations/>', "not valid XML"),
        ("a.xml", f'<?xml version="1.0" encoding="{"u" * 5000}"?><annotations/>', "not valid XML"),
    ],
)
def test_damaged_files_are_one_error_within_a_second(images, name, text, part):
    path = images.parent / name
    path.write_text(text)
    message = error_of(path, images)
    assert part in message and len(message) < 1000


def test_aliases_in_recipes(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(ALIASES + "model: {fpn_channels: *a9}\n")
    with pytest.raises(UserError, match=r"recipe.yaml: not valid YAML .*aliases multiply"):
        Recipe.load(path)
    path.write_text("stages: &a [teacher, student]\n")
    assert Recipe.load(path).stages == ["teacher", "student"]


@pytest.mark.parametrize("runs", ["9223372036854775807,9223372036854775807,3", "-1,2", "9" * 5000, "1_0", ""])
def test_run_lengths_of_any_size(images, runs):
    Image.new("RGB", (1, 1)).save(images / "one.png")
    path = images.parent / "a.xml"
    mask = f'<mask label="cell" rle="{runs}" left="0" top="0" width="1" height="1"/>'
    path.write_text(f'<annotations><image id="0" name="one.png" width="1" height="1">{mask}</image></annotations>')
    assert "run lengths" in error_of(path, images)


def test_folders_that_contain_themselves(images):
    for name in ("loop", "other"):
        os.symlink(".", images / name)
    path = images.parent / "clicks.csv"
    path.write_text("image,x,y,label\n/srv/x/a.png,30,20,cell\n")
    start = time.process_time()
    assert load_annotations(path, images)[0]["file_name"] == "a.png"
    assert time.process_time() - start < 1


# -- images


def test_images_outside_of_the_folder(images):
    outside = images.parent / "outside.png"
    Image.new("RGB", (120, 80)).save(outside)
    path = images.parent / "clicks.csv"
    for name in (str(outside), "../outside.png", "x/../../outside.png"):
        path.write_text(f"image,x,y,label\n{name},30,20,cell\n")
        if name.startswith("x/"):
            (images / "x").mkdir()
        message = error_of(path, images)
        assert "image outside of the image folder" in message and "allow_outside" in message
        assert len(load_annotations(path, images, allow_outside=True)) == 1
    coco = write_coco(images, {"segmentation": SQUARE})
    coco.write_text(coco.read_text().replace("a.png", "../outside.png"))
    assert "outside of the image folder" in error_of(coco, images)
    assert "outside of the image folder" in error_of(coco, images, check_images=False)


def test_formats_of_images_come_from_a_list(images):
    Image.new("RGB", (120, 80)).save(images / "a.png", "EPS")
    message = error_of(write_coco(images, {"segmentation": SQUARE}), images)
    assert "not a readable image" in message


def test_damaged_pixels_are_found_by_skip_bad_and_check(images):
    data = bytearray((images / "a.png").read_bytes())
    data[len(data) // 2] ^= 255
    (images / "a.png").write_bytes(data)
    path = images.parent / "clicks.csv"
    path.write_text("image,x,y,label\na.png,30,20,cell\nb.png,30,20,cell\n")
    report = LoadReport()
    assert load_annotations(path, images, skip_bad=True, report=report)["file_name"] == ["b.png"]
    assert report.skipped == {"unreadable image file": 1}
    checkup = check_recipe(Recipe(train_annotations=str(path), image_dir=str(images), labeled_fraction=None))
    assert checkup.stops_training


def test_more_pixels_than_pillow_reads(images, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    message = error_of(write_coco(images, {"segmentation": SQUARE}), images)
    assert "has more than 2,000 pixels" in message and "cut it into smaller images" in message


# -- the files of ../shared/cases


@pytest.mark.parametrize(
    ("name", "objects"),
    [
        ("label_studio_prompts/a_prompt_and_mask.json", [(True, True), (False, True)]),
        ("label_studio_prompts/b_box_and_mask.json", [(True, True), (False, True)]),
        ("label_studio_prompts/c_several_prompts.json", [(True, True)]),
        ("label_studio_prompts/d_two_strokes_one_id.json", [(True, True)]),
        ("root_category/b_root_same_name.json", [(True, True)] * 2),
        ("click_tables/d_utf16.csv", [(False, True)]),
        ("click_tables/h_border.csv", [(False, True)]),
        ("click_tables/i_border_float.csv", [(False, True)]),
        ("damaged/clicks_u2028.jsonl", [(False, True)]),
        ("damaged/coco_bbox_elsewhere.json", [(True, True)]),
        ("damaged/coco_point_outside_mask.json", [(True, True)]),
        ("deep_images/a_i16_png.json", [(True, True)]),
        ("deep_images/t_rgb16_png.json", [(True, True)]),
    ],
)
def test_shared_files_that_load(cases, name, objects):
    row = load_annotations(cases / name, (cases / name).parent / "images")[0]
    assert [(item["segmentation"] is not None, item["point"] is not None) for item in row["objects"]] == objects


@pytest.mark.parametrize(
    "name",
    [
        "damaged/cvat_overflow.xml", "damaged/coco_score_17.json", "damaged/coco_area_negative.json",
        "damaged/coco_huge_integer.json", "damaged/deeply_nested.json", "damaged/xml_encoding_x.xml",
        "damaged/yaml_timestamp.yaml", "damaged/yolo_aliases.yaml", "relative_coordinates/b_polygons_only.json",
        "click_tables/e_cp1252.csv",
    ],
)  # fmt: skip
def test_shared_files_that_are_refused(cases, name):
    error_of(cases / name, (cases / name).parent / "images")


def test_shared_deep_images(cases):
    from pointwssis.data import read_image

    for name in ("a_i16.png", "t_rgb16.png"):
        pixels = np.asarray(read_image(cases / "deep_images" / "images" / name))
        assert pixels[15:35, 15:45].mean() > 200 and pixels[:8].mean() < 60, name
