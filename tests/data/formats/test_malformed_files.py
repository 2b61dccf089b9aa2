# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files that are malformed as a whole, or contradict themselves: one error that names file and place."""

import shutil

import pytest

from helpers.marked_images import EXPORTS, write_marked_images
from pointwssis.data import load_annotations

FILES = {
    "csv: no header": ("clicks.csv", "a.jpg,1,2,cat\n", "line 1 is 'a.jpg,1,2,cat'"),
    "csv: no image column": ("clicks.csv", "x,y,label\n1,2,cat\n", "line 1: columns ['image'] are missing"),
    "csv: a column twice": ("clicks.csv", "image,x,y,label,class\na.jpg,1,2,a,b\n", "names ['label'] twice"),
    "csv: nothing but a header": ("clicks.csv", "image,x,y\n", "no image to load (it names none)"),
    "csv: open quote": ("clicks.csv", 'image,x,y\n"a.jpg,1,2\n', "line 2: not a valid table"),
    "csv: not UTF-8": ("clicks.csv", b"image,x,y,label\n\xff\xfe,1,2,cat\n", "not UTF-8 text"),
    "studio: cut off": ("a.json", '[{"id": 1', "not valid JSON"),
    "cvat: cut off": ("a.xml", "<annotations><image", "not valid XML"),
    "cvat: other XML": ("a.xml", "<annotation><folder/></annotation>", "this is Pascal VOC XML, which is not read"),
    "cvat: a video": (
        "a.xml", '<annotations><track id="0"><box frame="0"/></track></annotations>', "track '0' belongs to a video"
    ),
    "yolo: no YAML": ("data.yaml", "names: [cat\n", "not valid YAML"),
    "yolo: a list": ("data.yaml", "- cat\n", "holds a list"),
    "yolo: no names": ("data.yaml", "train: images\n", "names is None"),
    "yolo: names are letters": ("data.yaml", "train: images\nnames: {a: cat}\n", "names is {'a': 'cat'}"),
    "yolo: a name twice": ("data.yaml", "train: images\nnames: [cat, cat]\n", "not unique"),
    "yolo: other number of names": ("data.yaml", "train: images\nnames: [cat]\nnc: 2\n", "nc is 2, but there are 1"),
    "yolo: a pose dataset": ("data.yaml", "train: images\nnames: [cat]\nkpt_shape: [17, 3]\n", "kpt_shape is [17, 3]"),
    "yolo: no split": ("data.yaml", "val: images\nnames: [cat]\n", "train is None"),
    "yolo: folder missing": ("data.yaml", "path: z\ntrain: imgs\nnames: [cat]\n", "train is 'imgs': not found"),
    "yolo: no labels at all": ("data.yaml", "train: images\nnames: [cat]\n", "none of 7 images has labels"),
    "via: cut off": ("a.json", '{"_via_img_metadata": {', "not valid JSON"),
    "via: images are a list": ("a.json", '{"_via_img_metadata": []}', "holds a list instead of images"),
    "via: which attribute": (
        "a.json",
        '{"a": {"filename": "a.jpg", "regions": [{"region_attributes": {"color": "", "kind": ""}}]}}',
        "attributes ['color', 'kind'], and it is unclear which one is the class",
    ),
    "coco: no categories": ("a.json", '{"images": [], "annotations": []}', "'categories' is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_bad_file_cannot_be_skipped(tmp_path, name, skip_bad):
    file, content, message = FILES[name]
    images = write_marked_images(tmp_path / "images")
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load_annotations(path, images, skip_bad=skip_bad)
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_lines_that_contradict_each_other(tmp_path):
    images = write_marked_images(tmp_path / "images")
    for lines, part in (
        ("a.jpg,1,1,cat,,,yes\na.jpg,2,2,cat,,,no\n", "line 3: complete is 'no'"),
        ("a.jpg,1,1,cat,40,30,\na.jpg,2,2,cat,30,40,\n", "line 3: width, height is (30, 40)"),
    ):
        path = tmp_path / "clicks.csv"
        path.write_text("image,x,y,label,width,height,complete\n" + lines)
        with pytest.raises(ValueError) as caught:
            load_annotations(path, images)
        assert part in str(caught.value) and "contradicts an earlier line" in str(caught.value)
        assert len(load_annotations(path, images, skip_bad=True)[0]["objects"]) == 1


def test_skipping_everything_is_an_error_again(tmp_path):
    images = write_marked_images(tmp_path / "images")
    path = tmp_path / "clicks.csv"
    path.write_text("image,x,y,label\nz.jpg,1,1,cat\n")
    with pytest.raises(ValueError, match="no image to load .1 bad record skipped, the first one"):
        load_annotations(path, images, skip_bad=True)


def test_an_unreadable_label_file_of_yolo(tmp_path):
    images = write_marked_images(tmp_path / "images")
    shutil.copy(EXPORTS / "yolo" / "data.yaml", tmp_path)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_bytes(b"\xff\xfe0")
    (tmp_path / "labels" / "dot.txt").write_text("")
    with pytest.raises(ValueError, match=r"image a.jpg: label file is .*label file is not text; .*a.txt"):
        load_annotations(tmp_path / "data.yaml", images)
    assert len(load_annotations(tmp_path / "data.yaml", images, skip_bad=True)) == 6


def test_a_bomb_of_entities_is_refused(tmp_path):
    """The parser of the standard library limits the expansion of entities."""
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    path = tmp_path / "a.xml"
    path.write_text(f'<!DOCTYPE a [<!ENTITY e0 "ha">{levels}]><annotations><meta>&e9;</meta></annotations>')
    with pytest.raises(ValueError, match="not valid XML"):
        load_annotations(path, write_marked_images(tmp_path / "images"))
