# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest

from pointwssis.data import class_names, load_annotations, load_coco, supervision
from pointwssis.data.formats.via import load_via, write_via
from pointwssis.ops.coco_masks import rle_box


def region(name, attributes=None, **values):
    attributes = {"label": "cat"} if attributes is None else attributes
    return {"shape_attributes": {"name": name, **values}, "region_attributes": attributes}


def image(name, *regions, **attributes):
    return {"filename": name, "size": 7, "regions": list(regions), "file_attributes": attributes}


def write(folder, *images, project=True):
    found = {f"{each['filename']}{each['size']}": each for each in images}
    (folder / "via.json").write_text(
        json.dumps({"_via_settings": {}, "_via_img_metadata": found} if project else found)
    )
    return folder / "via.json"


@pytest.mark.parametrize("project", [True, False])
def test_every_kind_of_region(marked_images, tmp_path, project):
    regions = [
        region("point", cx=10.5, cy=20),
        region("point", {}, cx=40, cy=0),  # a bare click on the right border
        region("polygon", {"label": "dog"}, all_points_x=[4, 8, 8, 4], all_points_y=[3, 3, 9, 9]),
        region("rect", x=20, y=15, width=10, height=6),
        region("circle", cx=20, cy=15, r=4),
        region("ellipse", cx=20, cy=15, rx=8, ry=4, theta=np.pi / 2),
    ]
    dataset = load_annotations(write(tmp_path, image("a.jpg", *regions), project=project), marked_images)
    assert class_names(dataset) == ["cat", "dog"] and dataset["complete"] == [True]
    click, bare, polygon, rectangle, circle, ellipse = dataset[0]["objects"]
    assert (click["point"], click["category"], click["segmentation"]) == ([10, 19.5], 0, None)
    assert (bare["point"], bare["category"]) == ([39, 0], None)
    assert rle_box(polygon["segmentation"]) == [4, 3, 4, 6] and polygon["point"] == [5.5, 5.5]
    assert rectangle["bbox"] == [20, 15, 10, 6] and rectangle["point"] == [24.5, 17.5]
    assert rle_box(circle["segmentation"]) == [16, 11, 8, 8]
    assert rle_box(ellipse["segmentation"])[2:] == [8, 16]


def test_completeness_and_image_level_labels(marked_images, tmp_path):
    click = region("point", cx=1, cy=1)
    images = [
        image("a.jpg", click, complete="no"),
        image("city/b.png"),
        image("empty.png", complete="yes"),
        image("dot.png", label={"cat": True, "dog": False}),
        {**image("field/b.png"), "regions": {"0": click}},  # as VIA 1 numbers them
    ]
    dataset = load_annotations(write(tmp_path, *images), marked_images)
    assert dataset["complete"] == [False, False, True, False, True]
    assert [supervision(row) for row in dataset] == ["point", "none", "full", "image", "point"]
    assert dataset[3]["image_labels"] == [0]


def test_the_attribute_of_the_class(marked_images, tmp_path):
    def names(*attributes, **options):
        regions = [region("point", each, cx=n + 1, cy=1) for n, each in enumerate(attributes)]
        return class_names(load_via(write(tmp_path, image("a.jpg", *regions)), marked_images, **options))

    assert names({"kind": "cat"}, {"kind": {"dog": True, "cat": False}}) == ["cat", "dog"]
    assert names({"kind": "x", "type": "cat"}, {"color": "red", "type": "dog"}) == ["cat", "dog"]
    assert names({"name": "Rex", "class": "dog"}) == names({"Name": "Rex", "Class ": "dog"}) == ["dog"]
    assert names({"kind": "cat", "color": "red"}, class_attribute="color") == ["red"]
    with pytest.raises(ValueError, match=r"via.json: .*\['kind', 'color'\].*rename it to label"):
        names({"kind": "cat", "color": "red"})
    with pytest.raises(ValueError, match=r"class_attribute is 'colour'; use one of \['color'\]"):
        names({"color": "red"}, class_attribute="colour")


def test_the_project_is_what_via_opens(coco_folder, tmp_path):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    content = json.loads(write_via(dataset, tmp_path / "via.json").read_text())
    assert set(content) == {
        "_via_settings",
        "_via_img_metadata",
        "_via_attributes",
        "_via_data_format_version",
        "_via_image_id_list",
    }
    key, *_ = content["_via_image_id_list"]
    size = (coco_folder.images / "sub" / "a.png").stat().st_size
    assert key == f"sub/a.png{size}" and content["_via_img_metadata"][key]["size"] == size
    assert list(content["_via_attributes"]["region"]["label"]["options"]) == class_names(dataset)
