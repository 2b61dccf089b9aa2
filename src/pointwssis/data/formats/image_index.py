# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Which file of a folder an annotation tool means, when it calls it by another path than it has here."""

import difflib
import os
import re
import unicodedata
from functools import cached_property
from pathlib import Path

from ..errors import AnnotationError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".ppm", ".pgm", ".avif")

_HINTS = 20  # of what a missing file may be
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")


class ImageIndex:
    """The images of a folder and its sub-folders, found by what an annotation file calls them.

    A path below the folder means that file. Otherwise the file whose path here is the end of the name, or the other way
    round, is meant: `/srv/set/a/1.png` and `1.png` both find `a/1.png`. Where several fit, the longest common end wins,
    and of equally long ones none: `1.png` is an error where there are `a/1.png` and `b/1.png`.

    Args:
        folder: with the images.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Path(folder, "a").mkdir()
        ...     Path(folder, "a", "1.png").touch()
        ...     ImageIndex(folder).find("/srv/set/a/1.png").name
        '1.png'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self._missed = Path(folder).absolute(), 0
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{folder}: image folder not found; give the folder that holds the images")

    def find(self, name: str, uploaded: bool = False, field: str = "image") -> Path:
        """The file that is meant.

        Args:
            name: in the annotation file.
            uploaded: the tool may have put eight characters and a hyphen before the file's name (`a1b2c3d4-name.jpg`)
                and changed what is no letter, digit, hyphen, underscore or dot, as Label Studio does at an upload.
            field: of the annotation file, for the message.

        Raises:
            AnnotationError: there is no such file, or several fit.
        """
        if os.path.isfile(self.folder / name):  # which calls a name that no file can have no file
            return self.folder / name
        parts = tuple(_composed(part) for part in re.split(r"[\\/]", name) if part not in ("", "."))
        found = self._longest(parts, self._by_name.get(parts[-1], []) if parts else [])
        if not found and uploaded and parts and _UPLOAD_PREFIX.match(parts[-1]):
            original = parts[-1][len("a1b2c3d4-") :]
            found = self._by_name.get(original, []) or self._by_uploaded_name.get(original, [])
        if len(found) > 1:
            fitting = ", ".join(str(Path(*path)) for path in found[:4])
            remedy = f"it may be {fitting}; give the path below {self.folder}"
            raise AnnotationError("several image files fit", field, name, remedy)
        if not found:
            self._missed += 1  # a look for what may be meant takes long in a large folder
            close = difflib.get_close_matches(parts[-1], self._by_name, n=1) if parts and self._missed <= _HINTS else []
            hint = f" (there is {Path(*self._by_name[close[0]][0])})" if close else ""
            remedy = f"not found below {self.folder}{hint}; check the image folder and the name"
            raise AnnotationError("missing image file", field, name, remedy, FileNotFoundError)
        return self.folder.joinpath(*found[0])

    def name_of(self, path: Path) -> str:
        """What a row calls a file: its path below the folder, of a file elsewhere the whole path."""
        path = path.absolute()
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.as_posix()

    def images(self) -> list[Path]:
        """All image files, by path."""
        paths = sorted(path for same in self._by_name.values() for path in same)
        return [self.folder.joinpath(*path) for path in paths if Path(path[-1]).suffix.lower() in IMAGE_SUFFIXES]

    @staticmethod
    def _longest(parts: tuple[str, ...], candidates: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        fitting = []
        for path in candidates:
            length = min(len(path), len(parts))
            if tuple(map(_composed, path[-length:])) == parts[-length:]:
                fitting.append((length, path))
        longest = max(fitting, default=(0, ()))[0]
        return [path for length, path in fitting if length == longest]

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, ...]]]:
        """File name, its accents composed → paths below the folder, as parts."""
        paths: dict[str, list[tuple[str, ...]]] = {}
        for folder, _, names in os.walk(self.folder, followlinks=True):
            parts = Path(folder).relative_to(self.folder).parts
            for name in names:
                paths.setdefault(_composed(name), []).append((*parts, name))
        return paths

    @cached_property
    def _by_uploaded_name(self) -> dict[str, list[tuple[str, ...]]]:
        """What an upload makes of a file's name → paths: spaces become underscores, other signs go."""
        paths: dict[str, list[tuple[str, ...]]] = {}
        for name, found in self._by_name.items():
            paths.setdefault(re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_")), []).extend(found)
        return paths


def _composed(name: str) -> str:
    """One spelling for names that look the same: an archive of a Mac may have ä as two characters."""
    return unicodedata.normalize("NFC", name)
