# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A disk cache of rows of the schema: the result of a stage is made once, and saved completely or not at all."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, Features, Image, Value, load_from_disk

from ..ops.whole_files import write_folder

POLL_SECONDS = 2


def is_first_process() -> bool:
    """Return True in the process that writes files, the first one of those that `torchrun` starts."""
    return os.environ.get("RANK", "0") == "0"


def cached(folder: Path, make: Callable[[], Dataset]) -> Dataset:
    """Return the dataset in a folder; if there is none, make and save it first.

    It is written to a temporary folder, which is renamed when it is complete. Of several processes the first one makes
    it. The others wait for the folder, because labeling may take longer than any timeout of their communication.

    Args:
        folder: folder of the dataset.
        make: function that returns rows of the schema.
    """
    while not folder.is_dir() and not is_first_process():
        time.sleep(POLL_SECONDS)
    if not folder.is_dir():
        # Images are saved as plain columns, because `datasets` would embed the file of an `Image` in every stage.
        made = with_images_as(make(), {"bytes": Value("binary"), "path": Value("string")})
        shards = None if len(made) else 1  # without a shard it cannot be read
        write_folder(folder, lambda unfinished: made.save_to_disk(str(unfinished), num_shards=shards))
    return stored_rows(folder)


def stored_rows(folder: Path) -> Dataset:
    """Return the rows of the schema that `cached` has saved."""
    return with_images_as(load_from_disk(str(folder)), Image(decode=False))


def with_images_as(rows: Dataset, feature: Any) -> Dataset:
    """Return the same rows with another feature for their images: an `Image`, or two columns `{path, bytes}`."""
    features = Features({**rows.features, "image": feature})
    return Dataset(rows.data.replace_schema_metadata(None), info=DatasetInfo(features=features))
