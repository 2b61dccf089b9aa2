# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema on disk: the result of a stage is made once, and written completely or not at all."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, Features, Image, Value, load_from_disk

SECONDS_BETWEEN_LOOKS = 2


def is_first_process() -> bool:
    """Return True in the process that writes, of those that `torchrun` has started."""
    return os.environ.get("RANK", "0") == "0"


def cached(folder: Path, make: Callable[[], Dataset]) -> Dataset:
    """Return a dataset that is made once: it is written beside its place and moved there when it is complete.

    Of several processes the first makes it. The others watch for the folder, since labeling may take longer than any
    timeout of their communication.
    """
    while not folder.is_dir() and not is_first_process():
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if not folder.is_dir():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # The image is stored as plain columns: `datasets` would copy the file of an `Image` into every stage.
        made = with_images_as(make(), {"bytes": Value("binary"), "path": Value("string")})
        made.save_to_disk(str(unfinished), num_shards=None if len(made) else 1)  # without a shard it cannot be read
        os.replace(unfinished, folder)
    return stored_rows(folder)


def stored_rows(folder: Path) -> Dataset:
    """Return the rows of the schema that `cached` has written."""
    return with_images_as(load_from_disk(str(folder)), Image(decode=False))


def with_images_as(rows: Dataset, feature: Any) -> Dataset:
    """Return the same table with another feature for its images: `{path, bytes}` as two columns, or an `Image`."""
    features = Features({**rows.features, "image": feature})
    return Dataset(rows.data.replace_schema_metadata(None), info=DatasetInfo(features=features))
