# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Reports of loaders: every skipped record is listed, and the reports of all files can be collected."""

import pytest

from pointwssis.data import load_coco
from pointwssis.data.errors import AnnotationError, LoadReport, collect_reports


def test_every_skipped_record_is_listed(coco_folder):
    coco_folder.content["annotations"] += [{"id": 70 + i, "image_id": 999, "category_id": 3} for i in range(3)]
    report = LoadReport()
    load_coco(coco_folder.save(), coco_folder.images, skip_bad=True, report=report)
    assert report.skipped["unknown image"] == 3
    assert [message.split(": ")[1] for message in report.messages] == [
        "annotation 70",
        "annotation 71",
        "annotation 72",
    ]


def test_reports_of_all_files_are_collected(coco_folder):
    coco_folder.content["annotations"][0]["segmentation"] = [[1, 2]]
    with collect_reports() as reports:
        for _ in range(2):
            load_coco(coco_folder.save(), coco_folder.images, skip_bad=True)
    files = [report for report in reports if report.images]
    assert [report.source for report in files] == [str(coco_folder.file)] * 2
    assert all(len(report.messages) == 1 and "annotation 1" in report.messages[0] for report in files)
    LoadReport("later")
    assert all(report.source != "later" for report in reports)


def test_collecting_ends_with_an_error_too():
    with pytest.raises(FileNotFoundError), collect_reports() as reports:
        LoadReport("a.json").reject(
            "image 3", AnnotationError("gone", "file_name", "b.png", "find it", FileNotFoundError)
        )
    LoadReport("later")
    assert [report.source for report in reports] == ["a.json"] and not reports[0].messages
