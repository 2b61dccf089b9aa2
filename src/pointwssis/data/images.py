# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files of every kind as 8-bit RGB, or one clear error that names the file.

The rules:

* The EXIF orientation is applied: coordinates are those of the picture as people see it.
* Grey images of more than 8 bits (16-bit, 32-bit, float) are scaled linearly from their own minimum … maximum to 0 … 255. Microscopes put
  12 or 14 bits into 16, so that any fixed divisor leaves such an image nearly black; nothing is clipped. (Colour files of 16 bits a
  channel arrive from Pillow reduced to their upper 8 bits, which clips nothing either.)
* Grey becomes RGB, palettes are looked up, alpha is dropped.
* A file of several pages (a stack, an animation) is an error: nothing tells which page the labels belong to.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

_END_MARKERS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}
_TAIL_BYTES = 4096


def read_image(source: Any) -> Image.Image:
    """Reads an image as 8-bit RGB (see the module's rules).

    Args:
        source: a path, a PIL image, a `{"path", "bytes"}` dict, or a dataset row that holds one of them under "image".

    Returns:
        An RGB image in its upright orientation.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is damaged, truncated, no image, or has several pages; the message names it.
    """
    opened, name = _open(source)
    try:
        upright = ImageOps.exif_transpose(opened)
        return _to_rgb(upright)
    except (
        Exception
    ) as error:  # a damaged file makes Pillow raise nearly anything: OSError, SyntaxError, struct.error, IndexError, …
        raise ValueError(f"{name}: cannot be decoded ({error}); replace the file or leave the image out") from error


def check_image(path: str | Path) -> tuple[int, int]:
    """Checks an image file by its header and its last bytes; only a file that seems cut off is decoded in full.

    Returns:
        (width, height) in pixels of the upright image.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is no image, is cut off or has several pages; the message names it.
    """
    opened, name = _open(path)
    with opened:
        try:
            turned = opened.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        except Exception as error:  # as in read_image
            raise ValueError(f"{name}: has unreadable EXIF data ({error}); save the image again without it") from error
        size, marker = opened.size, _END_MARKERS.get(opened.format or "")
    if marker is not None and marker not in _last_bytes(Path(path)):
        read_image(path)
    return size[::-1] if turned else size


def _open(source: Any) -> tuple[Image.Image, str]:
    """The image, its pixels not yet decoded, and a name for messages."""
    if isinstance(source, Mapping) and "image" in source:
        source = source["image"]
    if isinstance(source, Image.Image):
        return source, getattr(source, "filename", "") or "image in memory"
    if isinstance(source, Mapping) and source.get("bytes") is not None:
        name = source.get("path") or f"image of {len(source['bytes'])} bytes"
        file: Any = io.BytesIO(source["bytes"])
    else:
        path = source.get("path") if isinstance(source, Mapping) else source
        if not isinstance(path, (str, Path)):
            raise TypeError(
                f"an image is a path, a PIL image or a {{'path', 'bytes'}} dict, not {type(source).__name__} {source!r:.60}"
            )
        name, file = str(path), path
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"{name}: image file not found; check the folder of images and the name in the annotations"
            )
    try:
        opened = Image.open(file)
        pages = (
            1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
        )  # MPO: a photo with its previews, the first counts
    except Exception as error:  # as in read_image
        raise ValueError(f"{name}: is no readable image ({error}); replace the file or leave the image out") from error
    if pages > 1:
        raise ValueError(f"{name}: holds {pages} pages or frames; save the one that was labelled as a file of its own")
    return opened, name


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_scale_to_8_bits(np.asarray(image)))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # else Pillow warns and keeps the transparent entry as a colour key
    return image.convert("RGB")


def _scale_to_8_bits(values: np.ndarray) -> np.ndarray:
    """(H, W) numbers of any range → (H, W) uint8, linear from their minimum (0) to their maximum (255); a flat image becomes black."""
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise ValueError("pixels are NaN or infinite")
    return np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
