# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Results of finished images, written as they come, so that a command that was stopped goes on where it was.

The journal holds JSON lines: the settings, then one record per image in the order of the images. Its last line may be
cut off. Only one image is in memory at a time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class PredictionJournal:
    """The journal of one output folder.

    Args:
        path: its file.
        settings: everything that results depend on beside the images.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        self.path, self.settings = path, dict(settings)

    def resume(self, keys: Iterable[Any], skip_bad: bool) -> tuple[int, list[str]]:
        """Keep the records of images that are finished, and drop all others.

        Args:
            keys: what identifies each image and its file; a record counts if it has the same `key`.
            skip_bad: also keep records of unreadable images.

        Returns:
            The number of finished images, which are the first ones, and the names of settings that have changed since,
            in which case none is.
        """
        if not self.path.is_file():
            self._start()
            return 0, []
        with self.path.open("r+b") as file:
            former = _parsed(file.readline())
            if former != self.settings:
                self._start()
                names = [] if former is None else [*former, *self.settings]
                return 0, sorted({name for name in names if former.get(name) != self.settings.get(name)})
            count, end = 0, file.tell()
            for key in keys:
                record = _parsed(file.readline())
                if record is None or record.get("key") != key or ("error" in record and not skip_bad):
                    break
                count, end = count + 1, file.tell()
            file.truncate(end)
        return count, []

    def _start(self) -> None:
        self.path.write_text(json.dumps(self.settings) + "\n", encoding="utf-8")

    def append(self, record: Record) -> None:
        """Add the record of the next image."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> Iterator[Record]:
        """Yield the records of all images."""
        with self.path.open(encoding="utf-8") as file:
            next(file)  # the settings
            for line in file:
                yield json.loads(line)

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink()


def _parsed(line: bytes) -> Record | None:
    """Return the content of a line; None for one that is cut off, missing, or no record."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
