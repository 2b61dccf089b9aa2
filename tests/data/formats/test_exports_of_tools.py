# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exports as tools and scripts write them: each is read as meant, or ends in one error that says what to do."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers import tiny
from pointwssis.data import LoadReport, class_names, load_annotations
from pointwssis.ops.coco_masks import rle_area
from pointwssis.ops.user_error import UserError

SQUARE = [[10, 10, 50, 10, 50, 40, 10, 40]]  # of 1,200 pixels
MASK = {"segmentation": SQUARE}
SIZE = {"original_width": 120, "original_height": 80, "image_rotation": 0}


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for name in ("a.png", "sub/b.png", "my a.png", "set/a.png", "set/c.png", "other/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(80, 120).save(folder / name)
    tiny.picture(80, 120).save(folder / unicodedata.normalize("NFD", "größe.png"))
    (folder / "._a.png").write_bytes(b"\0\5\x16\7")  # of an archive made on a Mac
    photo = tiny.picture(80, 120)
    tags = photo.getexif()
    tags[274] = 6  # rotated by 90°
    photo.save(folder / "turned.jpg", exif=tags)
    photo.convert("CMYK").save(folder / "print.jpg")
    palette = photo.quantize(4)
    palette.save(folder / "palette.png", transparency=0)
    photo.save(folder / "pages.tif", save_all=True, append_images=[photo])
    (folder / "link.png").symlink_to("nowhere.png")
    return folder


def loaded(images: Path, name: str, content: Any) -> Any:
    """Load a file beside the images, whose content is bytes, text, or anything else as JSON."""
    path = images.parent / name
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    return load_annotations(path, images)


def coco(*annotations: dict[str, Any], image: dict[str, Any] | None = None, **content: Any) -> dict[str, Any]:
    listed = [{"id": n, "image_id": 1, "category_id": 0, **each} for n, each in enumerate(annotations, start=1)]
    record = {"id": 1, "file_name": "a.png", "width": 120, "height": 80, **(image or {})}
    return {"images": [record], "annotations": listed, "categories": [{"id": 0, "name": "cell"}], **content}


def named(name: Any, **size: int) -> dict[str, Any]:
    return coco(MASK, image={"file_name": name, **size})


def studio(*results: dict[str, Any], image: str = "a.png") -> list[dict[str, Any]]:
    listed = [{"id": f"r{n}", **SIZE, **result} for n, result in enumerate(results)]
    return [{"id": 1, "data": {"image": image}, "annotations": [{"result": listed}]}]


CLICK = {"type": "keypointlabels", "value": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["cell"]}}


def cvat(body: str, attributes: str = 'id="0" name="a.png" width="120" height="80"') -> str:
    return f'<?xml version="1.0"?><annotations><image {attributes}>{body}</image></annotations>'


POLYGON = '<polygon label="cell" points="10,10;50,10;50,40;10,40"/>'


def labelme(**values: Any) -> dict[str, Any]:
    shape = {"label": "cell", "shape_type": "polygon", "points": [[10, 10], [50, 10], [50, 40], [10, 40]]}
    shape |= {key: values.pop(key) for key in [*values] if key in ("label", "shape_type", "points", "group_id")}
    return {"shapes": [shape], "imagePath": "a.png", "imageData": None, **values}


def via(label: Any, shape: dict[str, Any] | None = None, name: str = "a.png") -> dict[str, Any]:
    shape = shape or {"name": "point", "cx": "30.5", "cy": "20.5"}
    regions = [{"shape_attributes": shape, "region_attributes": {"label": label}}]
    return {"a.png1": {"filename": name, "size": 1, "regions": regions}}


def table(*lines: str, head: str = "image,x,y,label") -> str:
    return "\n".join([head, *lines, ""])


LINE = '{"image": "a.png", "x": 30, "y": 20, "label": "cell"}\n'


@pytest.mark.parametrize(
    ("name", "content", "file", "area"),
    [
        # Names of images
        ("a.json", named("sub\\b.png"), "sub/b.png", 1200),
        ("a.json", named("C:\\data\\images\\set\\a.png"), "set/a.png", 1200),
        ("a.json", named("https://example.org/images/sub/b.png"), "sub/b.png", 1200),
        ("a.json", named("0a1b/größe.png"), unicodedata.normalize("NFD", "größe.png"), 1200),
        ("a.json", studio(CLICK, image="/data/upload/1/0a1b2c3d-my%20a.png"), "my a.png", None),
        ("a.json", studio(CLICK, image="/data/local-files/?d=images%5Csub%5Cb.png"), "sub/b.png", None),
        ("a.json", studio(CLICK, image="gs://bucket/set/a.png"), "set/a.png", None),
        ("a.json", labelme(imagePath="..\\images\\a.png"), "a.png", 1200),
        ("a.csv", table("sub\\b.png,30,20,cell"), "sub/b.png", None),
        # Kinds of images
        ("a.json", named("turned.jpg", width=80, height=120), "turned.jpg", 1200),
        ("a.json", named("print.jpg"), "print.jpg", 1200),
        ("a.json", named("palette.png"), "palette.png", 1200),
        # Values of COCO
        ("a.json", coco({**MASK, "iscrowd": False, "bbox": None, "score": None, "points": []}), "a.png", 1200),
        ("a.json", coco({"segmentation": {"size": [80.0, 120.0], "counts": [500, 100, 9000]}}), "a.png", 100),
        ("a.json", coco({"segmentation": [[-30, -30, 150, -30, 150, 100, -30, 100]]}), "a.png", 9600),
        ("a.json", coco({"point": [120, 80]}), "a.png", None),
        ("a.json", coco({"keypoints": [30, 20, 2, 0, 0, 0], "num_keypoints": 1}), "a.png", None),
        ("a.json", coco({**MASK, "attributes": {"track_id": 3}}, image={"video_id": 1, "frame_id": 0}), "a.png", 1200),
        # Encodings, separators, and what stands around the data
        ("a.json", b"\xef\xbb\xbf" + json.dumps(coco(MASK), indent=1).replace("\n", "\r\n").encode(), "a.png", 1200),
        ("a.json", b"\xef\xbb\xbf" + json.dumps(labelme()).encode(), "a.png", 1200),
        ("a.xml", b"\xef\xbb\xbf" + cvat(POLYGON).encode(), "a.png", 1200),
        ("a.xml", cvat(POLYGON).replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16"), "a.png", 1200),
        ("a.csv", b"\xef\xbb\xbf" + table("a.png,30,20,cell").replace("\n", "\r\n").encode(), "a.png", None),
        ("a.csv", table("a.png,30,20,cell").replace("\n", "\r"), "a.png", None),
        ("a.csv", "sep=;\n" + table("a.png;30,5;20,5;cell", head="image;x;y;label"), "a.png", None),
        ("a.csv", table("0,a.png,3e1,20,cell,7", head=",Image, X ,Y,label,frame"), "a.png", None),
        # Other results of Label Studio beside a click
        ("a.json", studio(CLICK, {"type": "relation", "from_id": "r0", "to_id": "r1"}), "a.png", None),
        ("a.json", studio(CLICK, {"type": "textarea", "id": "r0", "value": {"text": ["blurry"]}}), "a.png", None),
        ("a.json", studio(CLICK, {"type": "taxonomy", "value": {"taxonomy": [["a", "b"]]}}), "a.png", None),
        # Numbers as text, groups of any kind
        ("a.json", labelme(points=[["10", "10"], ["50", "10"], ["50", "40"], ["10", "40"]]), "a.png", 1200),
        ("a.json", labelme(group_id={"a": [1, [2]]}, flags=None, imageWidth="120", imageHeight="80"), "a.png", 1200),
        ("a.json", via("cell"), "a.png", None),
        ("a.json", via({"cell": True, "dog": False}), "a.png", None),
    ],
)
def test_exports_that_are_read(images, name, content, file, area):
    rows = loaded(images, name, content)
    assert class_names(rows) == ["cell"] and rows["file_name"] == [file] and rows["complete"] == [True]
    (item,) = rows[0]["objects"]
    found = item["segmentation"] and rle_area(item["segmentation"])
    assert found == area and item["category"] == 0 and len(item["point"]) == 2


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        # Formats that are not read
        ("a.json", {"version": "2.0", "item": {"name": "a.png"}, "annotations": []}, "Darwin JSON (V7), which is not"),
        ("a.json", {"description": "", "tags": [], "size": {}, "objects": []}, "Supervisely JSON"),
        ("a.json", {"data_row": {"id": "1"}, "projects": {}}, "Labelbox JSON"),
        ("a.json", {"type": "FeatureCollection", "features": []}, "GeoJSON, which is not read; export or convert"),
        ("a.json", [{"type": "Feature", "geometry": {"type": "Polygon"}}], "GeoJSON"),
        ("a.json", {"project": {}, "file": {}, "metadata": {}, "view": {}}, "VIA 3 project"),
        ("a.json", {"asset": {"name": "a.png"}, "regions": []}, "VoTT JSON"),
        ("a.json", [{"image": "a.png", "annotations": [{"label": "cell"}]}], "CreateML JSON"),
        ("a.json", [{"file_name": "a.png", "height": 80, "annotations": []}], "list of Detectron2 records"),
        ("a.xml", '<?xml version="1.0"?>\n<annotation><filename>a.png</filename></annotation>', "Pascal VOC XML"),
        ("a.csv", "filename,file_size,file_attributes,region_count\na.png,1,{},1\n", "VIA CSV, which is not read"),
        ("a.csv", "ImageID,Source,LabelName,Confidence,XMin,XMax\na,x,y,1,0.1,0.2\n", "Open Images CSV"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n", "YOLO label file, which is not read; give the data.yaml"),
        ("a.json", studio(CLICK)[0], "a single task of Label Studio, which is not read; export the project as JSON"),
        ("a.jsonl", "\n".join(json.dumps(task) for task in studio(CLICK)), "a single task of Label Studio"),
        ("a.json", {"id": 1, "result": [], "task": {"data": {}}}, "a single annotation of Label Studio"),
        ("a.csv", "image,id,kp,annotator,annotation_id,created_at,updated_at,lead_time\n", "Label Studio CSV"),
        ("a.csv", "#filename,file_size,file_attributes,region_count\na.png,1,{},1\n", "VIA CSV, which is not read"),
        ("a.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,120,80,cell,1,1,5,5\n", "CSV of boxes"),
        ("a.json", {"info": {}, "categories": {"label": {}}, "items": []}, "Datumaro JSON"),
        ("a.json", {"dataset": "d", "image": {"filename": "a.png"}, "annotations": []}, "Darwin JSON (V7)"),
        ("a.json", {"images": [], "label_classes": []}, "Hasty JSON"),
        ("a.json", [{"ID": "1", "Labeled Data": "a.png", "Label": {"objects": []}}], "Labelbox JSON"),
        ("a.manifest", '{"source-ref": "s3://b/a.png", "labels": {}}\n', "SageMaker manifest"),
        # Annotations of COCO that are no objects
        ("a.json", coco({"segments_info": [], "file_name": "a.png"}), "panoptic annotation; give the file of"),
        ("a.json", coco({"caption": "cells"}), "annotation of another task; give the file of instances"),
        # Names of images
        ("a.json", named("my%20a.png"), "(did you mean my a.png?)"),
        ("a.json", named("c.png"), "several image files match; it may be other/c.png, set/c.png"),
        ("a.json", named("sub"), "missing image file"),
        ("a.json", named("link.png"), "image file not found"),
        ("a.json", named("._a.png"), "unreadable image file"),
        ("a.json", named(7), "file_name is not text"),
        ("a.json", named("pages.tif"), "contains 2 pages or frames; save the labeled one"),
        ("a.json", named("turned.jpg"), "swapped, as by an EXIF orientation"),
        ("a.xml", cvat(POLYGON, 'id="0" name="c" width="120" height="80"'), "missing image file"),
        # Categories, ids, and values of COCO
        ("a.json", coco(MASK, categories=[{"id": 0, "name": 7}]), 'name is not text; write it as text, as in "7"'),
        ("a.json", coco(MASK, categories=[{"id": "0", "name": "cell"}]), "id is not a 64-bit integer"),
        ("a.json", coco({**MASK, "image_id": "1"}), "image_id is not a 64-bit integer"),
        ("a.json", coco({"segmentation": [[]], "bbox": [1, 2, 3, 4]}), "got 0 values"),
        ("a.json", coco({"segmentation": [[1, 1, 5, 5]]}), "three corners x, y), got 4 values"),
        ("a.json", coco({"segmentation": [[10, 10], [50, 10], [50, 40]]}), "got 2 values"),
        ("a.json", coco({"segmentation": "[[10, 10, 50, 10, 50, 40]]"}), "must be a list of polygons"),
        ("a.json", coco({"segmentation": [{"size": [80, 120], "counts": [9600]}]}), "got dict values"),
        ("a.json", coco({"segmentation": {"size": [40, 60], "counts": [2400]}}), "differs from the image's"),
        ("a.json", coco({"segmentation": {"size": [80, 120], "counts": "b'P\\\\9'"}}), "not COCO's compressed text"),
        ("a.json", coco({"segmentation": {"size": [80, 120], "counts": [500.5, 9099.5]}}), "whole numbers of pixels"),
        ("a.json", json.dumps(coco({**MASK, "bbox": [0, 0, float("inf"), 3]})), "bbox is NaN or infinite"),
        ("a.json", coco({**MASK, "iscrowd": "0"}), "iscrowd is neither 0 nor 1"),
        ("a.json", coco({**MASK, "bbox": {"x": 1, "y": 2}}), "bbox does not hold 4 numbers"),
        ("a.json", coco({"keypoints": [[30, 20, 2]]}), "keypoints do not come in threes"),
        ("a.json", json.dumps(coco(MASK))[:-1] + ",}", "not valid JSON (Expecting property name"),
        # Label Studio
        ("a.json", studio({"type": "keypointlabels", "value": None}), "region without a shape"),
        ("a.json", studio({"type": "vectorlabels", "value": {"vertices": []}}), "unknown kind of region"),
        ("a.json", studio({"type": "videorectangle", "value": {"sequence": []}}), "unknown kind of region"),
        ("a.json", studio({**CLICK, "image_rotation": 90}), "image rotated while labeling"),
        ("a.json", [{"id": 1, "image": "a.png", "label": []}], "export the project as JSON (not as JSON-MIN)"),
        ("a.json", studio(CLICK, image="data:image/png;base64,AAAA"), "task without the path of one image"),
        # CVAT, LabelMe, VIA
        ("a.xml", cvat('<polygon label="cell" points="10,5,10,5;50,10"/>'), "points are not pairs x,y"),
        ("a.xml", cvat('<mask label="cell" rle="1,2,1," left="0" top="0" width="2" height="2"/>'), "not integers"),
        ("a.xml", cvat('<cuboid label="cell" xtl1="1"/>'), "element is neither a click nor a region"),
        ("a.xml", cvat(POLYGON) + "<annotations/>", "not valid XML (junk after document element"),
        ("a.json", labelme(shape_type="linestrip"), "use point, polygon, circle, mask, rectangle"),
        ("a.json", labelme(points=[[1, 1, 0], [5, 5, 0], [1, 9, 0]]), "points is not a list of [x, y]"),
        ("a.json", labelme(label=None), "mask without a label"),
        ("a.json", via("cell", {"name": "polyline", "all_points_x": [1], "all_points_y": [1]}), "use point, polygon"),
        # Tables
        ("a.csv", table('a.png,"1,005",20,cell'), "x is not a finite number"),
        ("a.csv", table("0,30,20,cell", head="frame,x,y,label"), "columns ['image'] are missing"),
        ("a.csv", table("a.png,30,30,20,cell", head="image,x,x,y,label"), "names ['x'] twice"),
        ("a.csv", table('"a.png,30,20,cell'), "check its quotes"),
        ("a.jsonl", LINE.replace("}\n", "},\n") + LINE, "write one JSON object per line"),
    ],
)  # fmt: skip
def test_exports_that_are_refused(images, name, content, part):
    with pytest.raises(UserError) as caught:
        loaded(images, name, content)
    message = str(caught.value)
    assert message.startswith(f"{images.parent / name}: ") and part in message and "\n" not in message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", via("undefined")),
        ("a.json", labelme(label="null")),
        ("a.csv", table("a.png,30,20,NaN")),
        ("a.xml", cvat(POLYGON.replace("cell", "None"))),
        ("a.json", coco(MASK, categories=[{"id": 0, "name": "N/A"}])),
    ],
)
def test_labels_that_stand_for_missing_ones(images, name, content):
    report, path = LoadReport(), images.parent / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    load_annotations(path, images, report=report)
    assert len(report.suspects) == 1 and "stands for a missing one" in next(iter(report.suspects))


@pytest.mark.parametrize(("names", "part"), [("[1, 2]", "in quotes where they look like"), ("[yes, no]", "in quotes")])
def test_names_of_yolo_that_yaml_does_not_read_as_text(images, names, part):
    with pytest.raises(UserError, match=part):
        loaded(images, "data.yaml", f"train: images\nnames: {names}\n")


def test_files_of_a_mac_are_no_images(images):
    (images / "pages.tif").unlink()
    (images / "link.png").unlink()
    (images.parent / "labels").mkdir()
    (images.parent / "labels" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    rows = loaded(images, "data.yaml", "path: .\ntrain: images\nnames: [cell]\n")
    assert "a.png" in rows["file_name"] and "._a.png" not in rows["file_name"]
    assert Image.open(images / "a.png").size == (120, 80)
