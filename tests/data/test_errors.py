# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Reports of loaders: every skipped record is listed, and the caller gets the reports of all files."""

import pytest

from pointwssis.data import LoadReport, load_annotation_files, load_annotations, load_coco


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
    reports: list[LoadReport] = []
    files = [coco_folder.save()] * 2
    load_annotation_files(files, coco_folder.images, skip_bad=True, reports=reports)
    assert [report.source for report in reports] == [*map(str, files), "merged annotations"]
    assert all(len(report.messages) == 1 and "annotation 1" in report.messages[0] for report in reports[:2])


def test_the_report_of_a_file_that_stops_loading_is_collected(coco_folder):
    reports: list[LoadReport] = []
    coco_folder.content["images"][0]["file_name"] = "gone.png"
    with pytest.raises(FileNotFoundError, match="gone.png"):
        load_annotations(coco_folder.save(), coco_folder.images, reports=reports)
    assert [report.source for report in reports] == [str(coco_folder.file)] and not reports[0].messages
