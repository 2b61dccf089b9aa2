# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exports in formats that are not read: recognized, so that the error names the format and what to give instead."""

import re

from .sniffing import FileHead

_AS_COCO = "export or convert it to COCO"
_AS_TASKS = "export the project as JSON, which is a list of tasks"
# Keys of the outermost JSON object → its format, and what to do
_OBJECTS = (
    ({"data", "annotations"}, "a single task of Label Studio", _AS_TASKS),
    ({"data", "predictions"}, "a single task of Label Studio", _AS_TASKS),
    ({"result", "task"}, "a single annotation of Label Studio", _AS_TASKS),
    ({"item", "annotations"}, "Darwin JSON (V7)", _AS_COCO),
    ({"dataset", "image", "annotations"}, "Darwin JSON (V7)", _AS_COCO),
    ({"items", "categories"}, "Datumaro JSON", _AS_COCO),
    ({"label_classes", "images"}, "Hasty JSON", _AS_COCO),
    ({"source-ref"}, "SageMaker manifest", _AS_COCO),
    ({"objects", "size", "tags"}, "Supervisely JSON", _AS_COCO),
    ({"data_row", "projects"}, "Labelbox JSON", _AS_COCO),
    ({"features", "type"}, "GeoJSON", f"{_AS_COCO}, with the path of each image"),
    ({"file", "metadata", "view"}, "VIA 3 project", "annotate with VIA 2, or export it as COCO"),
    ({"asset", "regions"}, "VoTT JSON", _AS_COCO),
    ({"image", "annotations"}, "JSON of one image (as SA-1B)", "write one COCO file of all images"),
    ({"classes", "labels"}, "FiftyOne JSON", _AS_COCO),
    ({"samples"}, "FiftyOne JSON", _AS_COCO),
    ({"metadata", "instances"}, "SuperAnnotate JSON", _AS_COCO),
    ({"imgHeight", "imgWidth", "objects"}, "Cityscapes JSON", _AS_COCO),
    ({"tasks", "total"}, "a page of Label Studio's API", _AS_TASKS),
    ({"results", "next"}, "a page of an API", "export the project instead"),
)
# Keys of the JSON objects in a list
_ITEMS = (
    ({"image", "annotations"}, "CreateML JSON", _AS_COCO),
    ({"file_name", "annotations"}, "list of Detectron2 records", "write it as COCO"),
    ({"geometry", "type"}, "GeoJSON", f"{_AS_COCO}, with the path of each image"),
    ({"data_row", "projects"}, "Labelbox JSON", _AS_COCO),
    ({"Labeled Data", "Label"}, "Labelbox JSON", _AS_COCO),
)
# First line of a text → its format, and what to do
_FIRST_LINES = (
    (r"#?filename,file_size,file_attributes", "VIA CSV", "save the project in VIA, or export the annotations as JSON"),
    (r"ImageID,.*XMin", "Open Images CSV of boxes", _AS_COCO),
    (r"filename,(?!.*\bx\b).*\bxmin\b.*\bxmax\b", "CSV of boxes", _AS_COCO),
    (r".*\bannotation_id\b.*\blead_time\b", "Label Studio CSV", _AS_TASKS),
    (r"[0-9]+( +-?[0-9]*\.[0-9]+([eE]-?[0-9]+)?){4,} *$", "YOLO label file", "give the data.yaml that belongs to it"),
)


def foreign_format(head: FileHead) -> str:
    """Return the format of a file that is not read, with a remedy; "" for any other file.

    Example:
        >>> from pathlib import Path
        >>> foreign_format(FileHead(Path("a.json"), '{"version": "2.0", "item": {}, "annotations": []}'))
        'this is Darwin JSON (V7), which is not read; export or convert it to COCO'
    """
    found = None
    if head.text.startswith(("{", "[")):
        table, keys = (_OBJECTS, head.json_keys()) if head.text[0] == "{" else (_ITEMS, head.json_keys(depth=2))
        # A file that is read may have further keys: a list of tasks holds "data", COCO its three lists.
        is_read = keys >= {"images", "annotations"} or (head.text[0] == "[" and "data" in keys)
        known = [] if is_read else [entry for entry in table if entry[0] <= keys]
        found = known[0][1:] if known else None
    elif re.match(r"(<\?xml[^>]*>\s*)?<annotation[\s>]", head.text):
        found = ("Pascal VOC XML", _AS_COCO)
    else:
        first_line = head.text.partition("\n")[0].strip()
        found = next((entry[1:] for entry in _FIRST_LINES if re.match(entry[0], first_line)), None)
    return "" if found is None else f"this is {found[0]}, which is not read; {found[1]}"
