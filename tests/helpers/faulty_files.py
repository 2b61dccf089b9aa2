# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files with the faults that docs/guides/troubleshooting.md explains, one fault per file."""

import json
from pathlib import Path
from typing import Any

from helpers import tiny

SIDE = 64  # of the images, in pixels


def write_faulty_files(folder: Path) -> None:
    """Write two images, and annotation files with one fault each."""
    (folder / "images").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        tiny.picture(SIDE, SIDE).save(folder / "images" / name)
    # An upload that was cut off: the header says more rows than there are.
    whole = (folder / "images" / "a.png").read_bytes()
    (folder / "cut").mkdir()
    (folder / "cut" / "a.png").write_bytes(whole[: len(whole) // 2])

    tables = {
        "good.csv": ["a.png,10,20,cat", "b.png,30,40,dog"],
        "missing.csv": ["a.png,10,20,cat", "c.png,30,40,cat"],
        "outside.csv": ["a.png,10,20,cat", "b.png,30,400,cat"],
        "fractions.csv": ["a.png,0.2,0.3,cat", "b.png,0.5,0.6,cat"],
        "spelling.csv": ["a.png,10,20,traffic light", "b.png,30,40,Traffic_Light"],
        "other_class.csv": ["a.png,10,20,bird"],
    }
    for name, rows in tables.items():
        (folder / name).write_text("\n".join(["image,x,y,label", *rows, ""]), "utf-8")
    (folder / "old_excel.csv").write_bytes("image,x,y,label\na.png,10,20,café\n".encode("cp1252"))

    region = {"type": "keypointlabels", "value": {"x": 20, "y": 30, "width": 1, "keypointlabels": ["cat"]}}
    region |= {"original_width": SIDE, "original_height": SIDE, "image_rotation": 0}
    write_json(folder / "predictions.json", [{"data": {"image": "a.png"}, "predictions": [{"result": [region]}]}])
    write_json(folder / "min.json", [{"image": "a.png", "kp": [{"x": 20, "y": 30, "keypointlabels": ["cat"]}]}])
    track = '<track id="0" label="cat"><points frame="0" points="5,5" outside="0" keyframe="1" /></track>'
    (folder / "video.xml").write_text(f"<annotations><version>1.1</version>{track}</annotations>", "utf-8")
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0}
    image = {"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}
    coco = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "cat"}]}
    write_json(folder / "boxes.json", coco)
    write_json(folder / "resized.json", {**coco, "images": [{**image, "width": 640, "height": 480}]})


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), "utf-8")
