# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema on disk: a stage's result is made once, whole or not at all."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, Features, Image, Value, load_from_disk


def is_first_process() -> bool:
    """Whether this is the process that writes, of those that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def cached(folder: Path, make: Callable[[], Dataset]) -> Dataset:
    """A dataset that is made once: written beside its place and moved there when it is whole.

    Of several processes the first one makes it. The others watch for the folder, since labeling may take longer than
    any timeout of their communication.
    """
    while not folder.is_dir() and not is_first_process():
        time.sleep(2)
    if not folder.is_dir():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # As plain columns: of an `Image` the datasets library would copy the whole file into every stage.
        made = with_images_as(make(), {"bytes": Value("binary"), "path": Value("string")})
        made.save_to_disk(str(unfinished), num_shards=None if len(made) else 1)  # no shard could not be read again
        os.replace(unfinished, folder)
    return stored_rows(folder)


def stored_rows(folder: Path) -> Dataset:
    """Rows of the schema that `cached` has written."""
    return with_images_as(load_from_disk(str(folder)), Image(decode=False))


def with_images_as(rows: Dataset, feature: Any) -> Dataset:
    """The same table whose images go by another name: `{path, bytes}` as two columns, or as an `Image`."""
    features = Features({**rows.features, "image": feature})
    return Dataset(rows.data.replace_schema_metadata(None), info=DatasetInfo(features=features))
