# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images to label: files of the folder, which all users share, and images that one user has dropped."""

import io
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from ..ops.images import FORMATS, read_image
from ..ops.user_error import UserError
from ..ops.wording import counted


@dataclass(frozen=True)
class Limits:
    """Limits of what one app takes; each is an option of `pointwssis app`.

    Args:
        max_megapixels: pixels of an image, in millions.
        max_megabytes: size of a dropped image or annotation file, in millions of bytes.
        max_objects: objects per image, and points per request.
        max_users: people at once, and requests over HTTP that wait.
        max_dropped: dropped images per user.
        max_dropped_megabytes: size of all dropped images of a user, in millions of bytes.
    """

    max_megapixels: float = 50
    max_megabytes: float = 25
    max_objects: int = 1000
    max_users: int = 8
    max_dropped: int = 50
    max_dropped_megabytes: float = 200

    def check_bytes(self, name: str, number: int) -> None:
        """Raise a `UserError` for a file that is too large."""
        if number > self.max_megabytes * 1e6:
            raise UserError(f"{name} has {number / 1e6:.1f} MB; the limit of this app is {self.max_megabytes:g} MB.")

    def check_points(self, number: int) -> None:
        """Raise a `UserError` for too many points."""
        if number > self.max_objects:
            raise UserError(f"Got {counted(number, 'point')}; the limit of this app is {self.max_objects:,} per image.")

    def check_objects(self, name: str, number: int) -> None:
        """Raise a `UserError` for labels of an image with too many objects."""
        if number > self.max_objects:
            raise UserError(
                f"{name} has labels of {counted(number, 'object')}; the limit of this app is {self.max_objects:,} per "
                "image (--max_objects)."
            )


@dataclass(frozen=True)
class WorkImage:
    """An image to label.

    Args:
        name: name, unique among the images of a user, with slashes for folders.
        source: path of a file, or content of a dropped one.
    """

    name: str
    source: Path | bytes

    @property
    def is_shared(self) -> bool:
        """Return True for an image that all users see."""
        return isinstance(self.source, Path)

    @property
    def folder(self) -> Path:
        """Return the folder that the name of a shared image starts from, or its own one if the name is another."""
        path = Path(os.path.abspath(self.source))
        parts = Path(self.name).parts
        return path.parents[len(parts) - 1] if path.parts[-len(parts) :] == parts else path.parent

    def read(self, limits: Limits) -> Image.Image:
        """Return the upright RGB image.

        Raises:
            UserError: the image is missing, damaged or too large; the message names it.
        """
        # The header is enough to refuse an image whose pixels would not fit into memory.
        if (size := _size_of(self.source)) is not None and size[0] * size[1] > limits.max_megapixels * 1e6:
            raise UserError(
                f"{self.name} has {size[0]} × {size[1]} pixels; the limit of this app is "
                f"{limits.max_megapixels:g} megapixels."
            )
        if isinstance(self.source, bytes):
            return read_image({"path": self.name, "bytes": self.source})
        try:
            return read_image(self.source)
        except UserError as error:
            # People at the page know the image by its name, and need not know the folders of the server.
            raise UserError(str(error).replace(str(self.source), self.name)) from error


def free_name(name: str, used: Collection[str]) -> str:
    """Return a file name, numbered if it is used already.

    Example:
        >>> free_name("a.png", ["a.png", "a_2.png"])
        'a_3.png'
    """
    path, number, free = PurePosixPath(name), 1, name
    while free in used:
        number += 1
        free = f"{path.stem}_{number}{path.suffix}"
    return free


def _size_of(source: Path | bytes) -> tuple[int, int] | None:
    """Return (width, height) from the header; None for a file that Pillow cannot open, which `read_image` explains."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as opened:
            return opened.size
    except Exception:  # damaged files make Pillow raise many kinds
        return None
