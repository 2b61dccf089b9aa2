# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema with images in memory, and facts about datasets."""

import io
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from pointwssis.ops.coco_masks import encode_mask
from pointwssis.planning.data_facts import DataFacts


def png(width: int = 40, height: int = 30, seed: int = 0, mode: str = "RGB", file_format: str = "PNG") -> bytes:
    """Return the file of an image of blurred noise, which is still visible in thumbnails."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 16)
    else:
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, file_format)
    return stream.getvalue()


def write_png16(values: np.ndarray, stream: BinaryIO) -> None:
    """Write (H, W, 3 or 4) values as a PNG of 16 bits per channel, which Pillow reads but does not write."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    stream.write(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        stream.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))


def rle(x: int, y: int, width: int, height: int, canvas: tuple[int, int] = (30, 40)) -> dict[str, Any]:
    """Return a rectangle on a (height, width) canvas."""
    mask = np.zeros(canvas, bool)
    mask[y : y + height, x : x + width] = True
    return encode_mask(mask)


def row(image_id: int, *objects: dict[str, Any], data: bytes | None = None, **values: Any) -> dict[str, Any]:
    """Return the row of an image of 40 × 30 pixels."""
    fields = {
        "image": {"path": None, "bytes": png(seed=image_id) if data is None else data},
        "image_id": image_id,
        "width": 40,
        "height": 30,
        "file_name": f"{image_id}.png",
        "complete": True,
        "image_labels": None,
        "objects": [{**item, "id": item["id"] or 100 * image_id + i} for i, item in enumerate(objects)],
    }
    return {**fields, **values}


def facts(
    images=((256, 256),) * 4, box=(20, 20), boxes=None, most=30, full=4, point=36, masks=80, known=True
) -> DataFacts:
    """Return the facts of a dataset, by default of square images with objects of one size."""
    boxes = np.array([box] * 8 if boxes is None else boxes, dtype=float)
    owners = np.arange(len(boxes)) % len(images)
    counts = np.full(len(images), len(boxes) // len(images))
    return DataFacts(np.array(images), boxes, owners, counts, most, full, point, masks, known)
