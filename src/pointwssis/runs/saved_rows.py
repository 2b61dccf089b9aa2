# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema in a folder."""

from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, Features, Image, Value, load_from_disk


def save_rows(rows: Dataset, folder: Path) -> None:
    """Save rows of the schema to a folder."""
    # Images are saved as plain columns, because `datasets` would embed the file of an `Image` in every stage.
    plain = with_images_as(rows, {"bytes": Value("binary"), "path": Value("string")})
    plain.save_to_disk(str(folder), num_shards=None if len(plain) else 1)  # without a shard it cannot be read


def stored_rows(folder: Path) -> Dataset:
    """Return the rows of the schema that `save_rows` has saved."""
    return with_images_as(load_from_disk(str(folder)), Image(decode=False))


def with_images_as(rows: Dataset, feature: Any) -> Dataset:
    """Return the same rows with another feature for their images: an `Image`, or two columns `{path, bytes}`."""
    features = Features({**rows.features, "image": feature})
    return Dataset(rows.data.replace_schema_metadata(None), info=DatasetInfo(features=features))
