# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema as a table of clicks; masks and boxes have no place in it."""

import csv
import io

import numpy as np
from datasets import Dataset

from ..schema import class_names as names_of

COLUMNS = ("image", "x", "y", "label", "complete")


def to_click_table(dataset: Dataset) -> str:
    """Return the points of a dataset as CSV, which `load_click_table` reads.

    Not an entry of the table of formats, whose writers keep masks.

    Args:
        dataset: rows of the schema. Crowds, and objects without a point, are left out.
    """
    class_names, text = names_of(dataset), io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in dataset.with_format(None):
        complete = "true" if row["complete"] else "false"
        items = [item for item in row["objects"] if item["point"] is not None and not item["iscrowd"]]
        for item in items:
            label = "" if item["category"] is None else class_names[item["category"]]
            # The shortest text of the same float32: 12.3, not 12.300000190734863
            x, y = (str(np.float32(value)) for value in item["point"])
            table.writerow([row["file_name"], x, y, label, complete])
        # A line without a point keeps the image, and states that a complete one shows no object.
        if not items:
            table.writerow([row["file_name"], "", "", "", complete])
    return text.getvalue()
