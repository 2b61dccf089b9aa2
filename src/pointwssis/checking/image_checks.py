# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Every image file of a dataset, opened once: whether it can be read, what it is, and what it looks like."""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image
from tqdm.auto import tqdm

from ..data import read_image
from ..ops.images import is_deep
from .findings import ERROR, WARNING, Findings

THUMBNAIL_SIDE = 16
_IMAGES_A_CHUNK = 256
_MODES = {
    "1": "1-bit",
    "L": "8-bit gray",
    "LA": "8-bit gray with alpha",
    "P": "palette",
    "RGB": "8-bit color",
    "RGBA": "8-bit color with alpha",
    "CMYK": "CMYK",
    "YCbCr": "8-bit color",
    "I": "32-bit gray",
    "F": "gray of floating point numbers",
}


@dataclass
class ScannedImage:
    """One image file.

    Args:
        name: in the annotation file.
        problem: why it is of no use; None if it is.
        digest: of the file's bytes.
        kind: of its pixels, in words.
        deep_range: least and greatest value of a gray image with more than 8 bits.
        size: (width, height) upright.
        thumbnail: (16, 16) uint8, gray.
    """

    name: str
    problem: str | None = None
    digest: bytes | None = None
    kind: str = "unreadable"
    deep_range: tuple[float, float] | None = None
    size: tuple[int, int] = (0, 0)
    thumbnail: np.ndarray | None = None


@dataclass
class ImageScan:
    """All image files of a split; a few hundred bytes each.

    Attributes:
        names: of the files, by position.
        digests: of their bytes, None where a file cannot be read.
        thumbnails: (16, 16) uint8 each, zeros where a file cannot be read.
        sizes: (width, height) → images, as the rows say.
        kinds: kind of pixels → images.
        deep_ranges: (least, greatest) value of each gray image with more than 8 bits.
        unreadable: how many cannot be read, or are not what the rows say.
    """

    split: str
    names: list[str] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    thumbnails: list[np.ndarray] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    deep_ranges: list[tuple[float, float]] = field(default_factory=list)
    unreadable: int = 0


def scan_images(rows: Dataset, split: str, findings: Findings) -> ImageScan:
    """Opens and decodes every image file, on all cores."""
    scan, seen = ImageScan(split), {}
    empty = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    for position, (row, image) in enumerate(
        tqdm(_scanned(rows), total=len(rows), desc=f"{split} images", unit="image")
    ):
        scan.names.append(image.name)
        scan.digests.append(image.digest)
        scan.thumbnails.append(empty if image.thumbnail is None else image.thumbnail)
        scan.sizes[row["width"], row["height"]] += 1
        scan.kinds[image.kind] += 1
        if image.deep_range is not None:
            scan.deep_ranges.append(image.deep_range)
        if image.problem is not None:
            scan.unreadable += 1
            remedy = "a training would stop there: replace the files, or leave the images out"
            findings.add(ERROR, "image files that cannot be used", image.problem, remedy, keep_all=True)
        elif image.digest in seen:
            twin = seen[image.digest]
            example, places = f"{image.name} is {scan.names[twin]} again", [(split, twin), (split, position)]
            findings.add(WARNING, "image files that come twice in a split", example, "keep one of each", places)
        else:
            seen[image.digest] = position
    return scan


def _scanned(rows: Dataset) -> Iterator[tuple[Mapping[str, Any], ScannedImage]]:
    rows = rows.with_format(None).select_columns(["image", "file_name", "width", "height"])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(rows), _IMAGES_A_CHUNK):  # a chunk at a time, since `map` takes all that it is given
            chunk = list(rows.select(range(start, min(start + _IMAGES_A_CHUNK, len(rows)))))
            yield from zip(chunk, pool.map(scan_image, chunk), strict=True)


def scan_image(row: Mapping[str, Any]) -> ScannedImage:
    """Opens the image of one row; what is wrong with it is told, not raised."""
    source, name = row["image"], row["file_name"]
    path = source["path"] or name
    try:
        data = source["bytes"] if source["bytes"] is not None else Path(path).read_bytes()
    except OSError as error:
        return ScannedImage(name, f"{path}: cannot be opened ({error.strerror or error})")
    digest = hashlib.blake2b(data, digest_size=16).digest()
    try:
        image = read_image({"path": path, "bytes": data})
    except ValueError as error:
        return ScannedImage(name, str(error), digest)
    if image.size != (row["width"], row["height"]):
        said, found = f"{row['width']} × {row['height']}", f"{image.width} × {image.height}"
        problem = f"{path}: has {found} pixels, the annotations say {said}; the labels would not fit"
        return ScannedImage(name, problem, digest, size=image.size)
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    thumbnail = np.asarray(image.convert("L").resize(side, Image.Resampling.BOX))
    kind, deep_range = _pixels(data)
    return ScannedImage(name, None, digest, kind, deep_range, image.size, thumbnail)


def _pixels(data: bytes) -> tuple[str, tuple[float, float] | None]:
    """Kind of the pixels of a readable file, and their range where they have more than 8 bits and are gray."""
    with Image.open(io.BytesIO(data)) as opened:
        if is_deep(opened):
            values = np.asarray(opened)
            kind = "16-bit gray" if opened.mode.startswith("I;16") else _MODES.get(opened.mode, opened.mode)
            return kind, (float(values.min()), float(values.max()))
        if opened.mode in ("RGB", "RGBA") and _bits_a_channel(opened, data) == 16:
            return "16-bit color", None
        return _MODES.get(opened.mode, opened.mode), None


def _bits_a_channel(opened: Image.Image, data: bytes) -> int:
    """Bits in the file; Pillow hands colors on with 8."""
    if opened.format == "PNG":
        return data[24]  # of its header
    if opened.format == "TIFF":
        bits = opened.tag_v2.get(258, (8,))
        return bits[0] if isinstance(bits, tuple) else bits
    return 8
