# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The configurations of the prepared shapes, and rows by the number of their image."""

from typing import Any

CONFIGS = ["coco10", "coco50", "all", "train5k"]


def by_id(rows: Any) -> dict[int, dict[str, Any]]:
    return {row["image_id"]: row for row in rows}
