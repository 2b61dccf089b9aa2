# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files of a folder, found by the paths that annotation tools give them."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from ...ops.folders import folders_below
from ...ops.images import is_image_name
from ...ops.user_error import UserFileNotFoundError
from ..errors import AnnotationError

_MAX_SUGGESTIONS = 20  # searching a large folder for similar names takes long
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")

PathParts = tuple[str, ...]


class ImageIndex:
    """An index of the images of a folder and its subfolders.

    A path below the folder means that file. Otherwise the file is found whose path is the end of the name, or vice
    versa: `/srv/set/a/1.png` and `1.png` both find `a/1.png`. If several files match, the longest common end wins;
    a tie is an error: `1.png` is ambiguous if `a/1.png` and `b/1.png` exist.

    Args:
        folder: folder that contains the images.
        allow_outside: take images outside of the folder too, which an absolute path or one with `..` may name. Links
            inside the folder may always lead elsewhere.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Path(folder, "a").mkdir()
        ...     Path(folder, "a", "1.png").touch()
        ...     ImageIndex(folder).find("/srv/set/a/1.png").name
        '1.png'
    """

    def __init__(self, folder: str | Path, allow_outside: bool = False) -> None:
        self.folder, self.allow_outside, self._missed = Path(folder).absolute(), allow_outside, 0
        if not self.folder.is_dir():
            raise UserFileNotFoundError(f"{folder}: image folder not found; give the folder that contains the images")

    def find(self, name: str, uploaded: bool = False, field: str = "image") -> Path:
        """Return the path of an image.

        Args:
            name: name in the annotation file.
            uploaded: True if the tool may have added eight characters and a hyphen before the file name
                (`a1b2c3d4-name.jpg`) and replaced characters other than letters, digits, hyphens, underscores and dots,
                as Label Studio does on upload.
            field: field of the annotation file, for the message.

        Raises:
            AnnotationError: there is no such file, several match, or it lies outside of the folder.
        """
        exists = os.path.isfile(self.folder / name)  # False for a name that no file can have
        if exists and (self.allow_outside or lies_inside(self.folder, name)):
            return self.folder / name
        # Only files of the same name are compared, by the ends of their paths
        parts = path_parts(name)
        found = longest_common_ends(parts, self._by_name.get(parts[-1], []) if parts else [])
        if not found and uploaded and parts and _UPLOAD_PREFIX.match(parts[-1]):
            # Remove the prefix of an upload, then try the name itself and as the upload spells it
            original = parts[-1][len("a1b2c3d4-") :]
            found = self._by_name.get(original, []) or self._by_uploaded_name.get(original, [])
        # A tie is an error, because a guess may find the wrong image.
        if len(found) > 1:
            matches = ", ".join(str(Path(*path)) for path in found[:4])
            hint = f"it may be {matches}; give the path below {self.folder}"
            raise AnnotationError("several image files match", field, name, hint)
        if not found and exists:
            raise AnnotationError("image outside of the image folder", field, name, outside_hint(self.folder))
        if not found:
            hint = f"not found below {self.folder}{self._suggestion(parts)}; check the image folder and the name"
            raise AnnotationError("missing image file", field, name, hint, UserFileNotFoundError)
        return self.folder.joinpath(*found[0])

    def name_of(self, path: Path) -> str:
        """Return the `file_name` of a row: the path below the folder, or the absolute path of a file elsewhere."""
        path = path.absolute()
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.as_posix()

    def images(self) -> list[Path]:
        """Return all image files, sorted by path."""
        paths = sorted(path for same_name in self._by_name.values() for path in same_name)
        return [self.folder.joinpath(*path) for path in paths if is_image_name(path[-1])]

    def _suggestion(self, parts: PathParts) -> str:
        self._missed += 1
        if not parts or self._missed > _MAX_SUGGESTIONS:
            return ""
        # Another case or suffix is more likely than another name.
        stem = Path(parts[-1]).stem.casefold()
        alike = [name for name in self._by_name if Path(name).stem.casefold() == stem]
        close = alike or difflib.get_close_matches(parts[-1], self._by_name, n=1)
        return f" (did you mean {Path(*self._by_name[close[0]][0])}?)" if close else ""

    @cached_property
    def _by_name(self) -> dict[str, list[PathParts]]:
        """Map each file name, with composed accents, to the parts of paths below the folder."""
        paths: dict[str, list[PathParts]] = {}
        for folder, names in folders_below(self.folder):
            parts = Path(folder).relative_to(self.folder).parts
            for name in names:
                paths.setdefault(_composed(name), []).append((*parts, name))
        return paths

    @cached_property
    def _by_uploaded_name(self) -> dict[str, list[PathParts]]:
        """Map each name that an upload gives to a file to paths: spaces become underscores, other signs are dropped."""
        paths: dict[str, list[PathParts]] = {}
        for name, found in self._by_name.items():
            paths.setdefault(re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_")), []).extend(found)
        return paths


def lies_inside(folder: Path, name: str) -> bool:
    """Return True if a path relative to a folder stays inside it, judged by its text alone.

    Example:
        >>> lies_inside(Path("images"), "a/../b.png"), lies_inside(Path("images"), "../b.png")
        (True, False)
    """
    return Path(os.path.normpath(folder / name)).is_relative_to(os.path.normpath(folder))


def outside_hint(folder: Path) -> str:
    """Return the remedy for an image outside of its folder."""
    return f"it does not lie below {folder}; move it there, or permit it with allow_outside (--allow_outside)"


def path_parts(name: str) -> PathParts:
    """Split a path at slashes and backslashes, with accents composed."""
    return tuple(_composed(part) for part in re.split(r"[\\/]", name) if part not in ("", "."))


def longest_common_ends(parts: PathParts, candidates: Iterable[PathParts]) -> list[PathParts]:
    """Return the candidates that are the end of a path, or that it is the end of, and have the longest common end."""
    matches = []
    for path in candidates:
        # The shorter path must be the end of the longer one
        length = min(len(path), len(parts))
        if tuple(map(_composed, path[-length:])) == parts[-length:]:
            matches.append((length, path))
    longest = max(matches, default=(0, ()))[0]
    return [path for length, path in matches if length == longest]


def _composed(name: str) -> str:
    """Return one spelling for names that look the same: an archive made on a Mac may hold ä as two characters."""
    return unicodedata.normalize("NFC", name)
