# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files of every kind as 8-bit RGB, or one clear error that names the file.

Rules:

* The EXIF orientation is applied: coordinates are those of the upright image.
* Gray is converted to RGB, palettes are looked up, alpha is dropped.
* Images of more than 8 bits (16-bit gray and color, 32-bit, float) are scaled as `deep_images.py` says.
* Only the formats in `FORMATS` are read, whatever the name of a file.
* A file of several pages (a stack, an animation) is an error, because it is unknown which page is labeled.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from .deep_images import deep_values, is_deep, scale_to_8_bits
from .file_kinds import HEAD_BYTES, problem_of_content
from .plain_arrays import NUMBERS
from .user_error import UserError, UserFileNotFoundError

FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP", "AVIF")
"""Formats of image files in Pillow's names; others, such as EPS, run programs or hold no pixels."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".ppm", ".pgm", ".avif")
"""Suffixes, in lower case, of the files of a folder that are taken for images."""

_END_MARKERS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}
_TAIL_BYTES = 4096


def is_image_name(path: str | Path) -> bool:
    """Return True if a file of a folder is taken for an image, by its name.

    Hidden files are none: archives made on a Mac hold a `._photo.jpg` beside each `photo.jpg`, and programs that copy
    or edit a file write a hidden one first.

    Example:
        >>> is_image_name("a/photo.JPG"), is_image_name("a/._photo.jpg"), is_image_name("a/notes.txt")
        (True, False, False)
    """
    path = Path(path)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_image(source: Any) -> Image.Image:
    """Read an image as 8-bit RGB, by the rules of this module.

    Args:
        source: a path, the bytes of an image file, a PIL image, a `{"path", "bytes"}` dict, or a dataset row with one
            of them under "image".

    Returns:
        The RGB image in upright orientation.

    Raises:
        UserFileNotFoundError: the file is missing.
        TypeError: the source is none of these.
        UserError: the file is damaged, truncated, not an image, or has several pages; the message names it.
    """
    if isinstance(source, Mapping) and "image" in source:
        source = _image_of_row(source)
    if isinstance(source, bytes):
        source = {"path": None, "bytes": source}
    if isinstance(source, Image.Image):
        return _upright_rgb(source, getattr(source, "filename", "") or "image in memory")
    with _open(source) as opened:
        return _upright_rgb(opened, _name(source))


def image_of_array(array: np.ndarray) -> Image.Image:
    """Return an array as a PIL image, which `read_image` takes.

    Args:
        array: (height, width) gray of any numbers, or uint8 color with 1, 3 or 4 channels, first or last.

    Raises:
        UserError: the array has another shape or dtype.
    """
    # Channels come first if the first axis, and not the last one, has the length of colors.
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)  # channels first → last
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if 0 not in array.shape:
        # Deep gray becomes float, which `read_image` scales to 8 bits.
        if array.ndim == 2 and array.dtype.kind in "b" + NUMBERS:
            return Image.fromarray(array if array.dtype in (np.uint8, np.bool_) else array.astype(np.float32))
        if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8:
            return Image.fromarray(np.ascontiguousarray(array))
    raise UserError(
        f"an image array must have shape (height, width, 3) and dtype uint8 with values from 0 to 255, or shape "
        f"(height, width) and numbers of any dtype; got shape {array.shape} and dtype {array.dtype}"
    )


def check_image(path: str | Path, decode: bool = False) -> tuple[int, int]:
    """Check an image file by its header and its last bytes; only a file that seems truncated is decoded in full.

    Args:
        path: path of the file.
        decode: decode every file, which also finds damaged pixels and takes as long as reading the image.

    Returns:
        (width, height) in pixels of the upright image.

    Raises:
        UserFileNotFoundError: the file is missing.
        UserError: the file is not an image, is truncated or has several pages; the message names it.
    """
    if decode:
        return read_image(path).size
    with _open(path) as opened:
        # A file without its end marker seems truncated.
        ending = _last_bytes(Path(path))
        marker = _END_MARKERS.get(opened.format or "")
        if marker is not None and marker not in ending:
            return read_image(path).size
        if opened.format == "TIFF":
            return opened.size  # Pillow has rotated it already
        # Pillow would decode a whole PNG to search for EXIF data that is not announced before its pixels.
        hints = "".join(str(key).lower() for key in opened.info)
        announced = opened.format != "PNG" or b"eXIf" in ending or "exif" in hints or "xmp" in hints
        try:
            rotated = announced and opened.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        except Exception as error:  # as in _upright_rgb
            raise UserError(f"{path}: unreadable EXIF data ({error}); save the image without it") from error
        return opened.size[::-1] if rotated else opened.size


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    """Decode an image, rotate it upright and convert it to RGB."""
    if 0 in image.size:
        raise UserError(f"{name}: has no pixels ({image.width} × {image.height}); replace it or remove it")
    try:
        if not is_deep(image):
            return to_rgb(ImageOps.exif_transpose(image))
        # Deep colors are read from the file before anything loads the image; Pillow has rotated a TIFF then.
        rgb = to_rgb(image)
        if image.format != "TIFF":
            rgb.getexif().update(image.getexif())
        return ImageOps.exif_transpose(rgb)
    except Exception as error:  # damaged files make Pillow raise OSError, SyntaxError, struct.error and others
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: cannot be decoded ({reason}); replace the file or remove the image") from error


def _image_of_row(row: Mapping[str, Any]) -> Any:
    """Return the image of a dataset row; one that is stored without a path takes the file name of the row."""
    image = row["image"]
    if isinstance(image, Mapping) and image.get("bytes") is not None and not image.get("path"):
        return {**image, "path": row.get("file_name")}
    return image


def _name(source: Any) -> str:
    """Return the name of an image for errors."""
    if isinstance(source, (str, Path)):
        return str(source)
    return source.get("path") or f"image of {len(source['bytes'])} bytes"


@contextmanager
def _open(source: Any) -> Iterator[Image.Image]:
    """Open a path or a `{"path", "bytes"}` dict without decoding its pixels, and close it afterwards."""
    in_memory = isinstance(source, Mapping) and source.get("bytes") is not None
    path = source.get("path") if isinstance(source, Mapping) else source
    if not in_memory and not isinstance(path, (str, Path)):
        kind = type(source).__name__
        raise TypeError(
            f"an image must be a path, the bytes of an image file, a PIL image or {{'path', 'bytes'}}, got {kind} "
            f"{source!r:.60}"
        )
    if not in_memory and not os.path.isfile(path):  # also False for an invalid name
        raise UserFileNotFoundError(f"{path}: image file not found; check the image folder and the file name")
    # Pillow gets a handle: for a path it maps plain TIFFs into memory and ignores their orientation.
    with io.BytesIO(source["bytes"]) if in_memory else Path(path).open("rb") as file:
        try:
            opened = Image.open(file, formats=FORMATS)
            # An MPO is a photo with its previews; the photo comes first.
            pages = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
        except Image.DecompressionBombError as error:
            raise UserError(
                f"{_name(source)}: has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels, which Pillow refuses; cut it "
                "into smaller images, and its annotations with it"
            ) from error
        except UnidentifiedImageError as error:
            reason = _unknown_format(file)
            raise UserError(f"{_name(source)}: not a readable image ({reason}); replace or remove it") from error
        except Exception as error:  # as in _upright_rgb
            reason = " ".join(str(error).split())
            raise UserError(f"{_name(source)}: not a readable image ({reason}); replace or remove it") from error
        if pages > 1:
            name = _name(source)
            raise UserError(f"{name}: contains {pages} pages or frames; save the labeled one as a separate file")
        yield opened


def _unknown_format(file: BinaryIO) -> str:
    """Return why the format of a file is unknown."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"hevc"):
        return "HEIC is not read; convert it to JPEG"
    return problem_of_content(head) or f"no readable header of {', '.join(FORMATS)}"


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read()


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to 8-bit RGB by the rules of this module.

    Example:
        >>> import numpy as np
        >>> to_rgb(Image.fromarray(np.array([[0, 1000], [2000, 4000]], dtype=np.uint16))).getpixel((1, 1))
        (255, 255, 255)
    """
    if is_deep(image):
        image = Image.fromarray(scale_to_8_bits(deep_values(image)))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # else Pillow warns and keeps the transparent entry as a color key
    return image.convert("RGB")
