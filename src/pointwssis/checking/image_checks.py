# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of image files: every file is opened once for its readability, pixel format, digest and thumbnail."""

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
from ..ops.deep_images import DeepRange, deep_range, deep_values, is_deep
from ..ops.images import FORMATS
from .findings import ERROR, NOTE, WARNING, Findings

THUMBNAIL_SIDE = 16
DEEP_RULE = "values beyond the percentiles 0.1 and 99.9 of an image become black or white; check that they are noise"
_IMAGES_PER_CHUNK = 256
# Modes of Pillow in words; others are shown by their name.
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
    "F": "floating-point gray",
}


@dataclass
class ScannedImage:
    """Results of one image file.

    Args:
        name: file name in the annotations.
        problem: reason why the file cannot be used; None if it can.
        digest: hash of the file's bytes.
        kind: pixel format in words.
        deep_range: range of values of an image with more than 8 bits.
        size: (width, height) in pixels of the upright image.
        thumbnail: (16, 16) uint8, grayscale.
    """

    name: str
    problem: str | None = None
    digest: bytes | None = None
    kind: str = "unreadable"
    deep_range: DeepRange | None = None
    size: tuple[int, int] = (0, 0)
    thumbnail: np.ndarray | None = None


@dataclass
class ImageScan:
    """Results of all image files of a split, a few hundred bytes per image.

    Attributes:
        names: file names, in the order of the rows.
        digests: hashes of the files; None for unreadable files.
        thumbnails: (16, 16) uint8 each; zeros for unreadable files.
        sizes: (width, height) in the rows → number of images.
        kinds: pixel format → number of images.
        deep_ranges: range of values of each image with more than 8 bits.
        unreadable: number of files that cannot be read or whose size differs from the rows.
    """

    split: str
    names: list[str] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    thumbnails: list[np.ndarray] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    deep_ranges: list[DeepRange] = field(default_factory=list)
    unreadable: int = 0


def scan_images(rows: Dataset, split: str, findings: Findings) -> ImageScan:
    """Open and decode every image file, on all cores.

    Args:
        rows: rows of the schema.
        split: name of the split.
        findings: receives unreadable files and duplicates.
    """
    scan, seen = ImageScan(split), {}
    empty = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    progress = tqdm(_scanned(rows), total=len(rows), desc=f"{split} images", unit="image")
    for position, (row, image) in enumerate(progress):
        # One entry per row in every list, readable or not, so that positions agree.
        scan.names.append(image.name)
        scan.digests.append(image.digest)
        scan.thumbnails.append(empty if image.thumbnail is None else image.thumbnail)
        scan.sizes[row["width"], row["height"]] += 1
        scan.kinds[image.kind] += 1
        deep = image.deep_range
        if deep is not None:
            scan.deep_ranges.append(deep)
        if deep is not None and deep.has_outliers:
            example = f"{image.name}: {deep.minimum:g} … {deep.maximum:g}, shown {deep.low:g} … {deep.high:g}"
            findings.add(NOTE, "deep images with outliers, which are clipped", example, DEEP_RULE)
        # Problems, and files with the same content as an earlier one.
        if image.problem is not None:
            scan.unreadable += 1
            remedy = "training would stop there: replace the files or remove the images"
            findings.add(ERROR, "image files that cannot be used", image.problem, remedy, keep_all=True)
        elif image.digest in seen:
            twin = seen[image.digest]
            # Each later copy is reported beside the first one.
            example, places = f"{image.name} equals {scan.names[twin]}", [(split, twin), (split, position)]
            findings.add(WARNING, "duplicate image files in a split", example, "keep one of each pair", places)
        else:
            seen[image.digest] = position
    return scan


def _scanned(rows: Dataset) -> Iterator[tuple[Mapping[str, Any], ScannedImage]]:
    """Yield rows with the results of their image files, in order."""
    rows = rows.with_format(None).select_columns(["image", "file_name", "width", "height"])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # Chunk by chunk: `pool.map` would read all rows at once.
        for start in range(0, len(rows), _IMAGES_PER_CHUNK):
            chunk = list(rows.select(range(start, min(start + _IMAGES_PER_CHUNK, len(rows)))))
            yield from zip(chunk, pool.map(scan_image, chunk), strict=True)


def scan_image(row: Mapping[str, Any]) -> ScannedImage:
    """Open the image of one row; a problem is returned, not raised."""
    source, name = row["image"], row["file_name"]
    path = source["path"] or name
    # Read, decode and compare the size with the annotations; the first problem ends the scan.
    try:
        data = source["bytes"] if source["bytes"] is not None else Path(path).read_bytes()
    except OSError as error:
        return ScannedImage(name, f"{path}: cannot be opened ({error.strerror or error})")
    # The digest is of the file as it is, so that equal digests mean equal files.
    digest = hashlib.blake2b(data, digest_size=16).digest()
    try:
        image = read_image({"path": path, "bytes": data})
    except ValueError as error:
        return ScannedImage(name, str(error), digest)
    # Masks and points are in pixels of the stated size.
    if image.size != (row["width"], row["height"]):
        stated, found = f"{row['width']} × {row['height']}", f"{image.width} × {image.height}"
        problem = f"{path}: has {found} pixels, but {stated} in the annotations; the labels would not fit"
        return ScannedImage(name, problem, digest, size=image.size)
    # The thumbnail finds near-duplicates.
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    thumbnail = np.asarray(image.convert("L").resize(side, Image.Resampling.BOX))
    kind, deep_range = _pixels(data)
    return ScannedImage(name, None, digest, kind, deep_range, image.size, thumbnail)


def _pixels(data: bytes) -> tuple[str, DeepRange | None]:
    """Return the pixel format of a readable file, and the range of values if it has more than 8 bits."""
    # The file is opened anew, since reading it has converted it to 8-bit color.
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        if is_deep(opened):
            kind = "16-bit gray" if opened.mode.startswith("I;16") else _MODES.get(opened.mode, opened.mode)
            kind = "16-bit color" if opened.mode.startswith("RGB") else kind
            return kind, deep_range(deep_values(opened))
        # Pillow opens colors of 16 bits as 8 bits; the header tells them apart.
        if opened.mode in ("RGB", "RGBA") and _bits_per_channel(opened, data) == 16:
            return "16-bit color", None
        return _MODES.get(opened.mode, opened.mode), None


def _bits_per_channel(opened: Image.Image, data: bytes) -> int:
    """Return the bits per channel in the file; Pillow converts colors to 8 bits."""
    if opened.format == "PNG":
        return data[24]  # bit depth in the header
    if opened.format == "TIFF":
        bits = opened.tag_v2.get(258, (8,))  # BitsPerSample
        return bits[0] if isinstance(bits, tuple) else bits
    return 8
