# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image records of annotation files, compared with the image files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...ops.images import check_image
from ...ops.user_error import UserFileNotFoundError
from ..errors import AnnotationError
from .coco_records import read_id, required
from .image_index import ImageIndex, lies_inside, outside_hint
from .load_options import LoadOptions


def read_image_record(record: Mapping[str, Any], images: ImageIndex | Path, settings: LoadOptions) -> dict[str, Any]:
    """Read the file and size of an image, and compare the size with the header of the image file.

    Args:
        record: record of the image.
        images: index of the image files; or the path of their folder, to trust the record without opening the image.
        settings: options of the loader.

    Returns:
        The fields `image`, `image_id`, `width`, `height`, `file_name` and `complete` of a row.
    """
    name = required(record, "file_name")
    width, height = (_read_side(required(record, field), field) for field in ("width", "height"))
    if not isinstance(name, str) or not name:
        raise AnnotationError("file_name is not text", "file_name", name, "give the path below the image folder")
    # A path instead of an index: trust the record and open nothing
    if isinstance(images, Path):
        path = (images / name).absolute()
        if not settings.allow_outside and not lies_inside(images, name):
            raise AnnotationError("image outside of the image folder", "file_name", name, outside_hint(images))
        _check_storable(str(path), "file_name")
    else:
        # The file may have the name that Label Studio gave to an upload
        path = images.find(name, uploaded=True, field="file_name")
        read_size(path, name, (width, height), decode=settings.skip_bad)
        if path != images.folder / name:  # found elsewhere below the folder
            name = images.name_of(path)
    # The record's own statement wins over the option; COCO annotates all objects
    complete = record.get("complete", not _is_partial(record) if settings.complete is None else settings.complete)
    if not isinstance(complete, bool):
        raise AnnotationError("complete is neither true nor false", "complete", complete, "write true or false")
    fields = {"image": str(path), "image_id": read_id(record), "width": width, "height": height}
    return {**fields, "file_name": name, "complete": complete}


def _is_partial(record: Mapping[str, Any]) -> bool:
    """Return True if other tools state that an image is not completely annotated: COCO Annotator, and LVIS."""
    return record.get("annotated") is False or "not_exhaustive_category_ids" in record


def _read_side(side: Any, field: str) -> int:
    if isinstance(side, bool) or not isinstance(side, (int, float)) or side <= 0 or side != side // 1 or side >= 2**31:
        raise AnnotationError(f"{field} is not a positive integer", field, side, "give the size in pixels")
    return int(side)


def read_size(
    path: Path,
    name: str,
    stated: tuple[int, int] | None = None,
    field: str = "file_name",
    decode: bool = False,
) -> tuple[int, int]:
    """Read the (width, height) of an upright image from its header and compare it with the annotation file.

    Args:
        path: path of the image.
        name: name of the image in the annotation file.
        stated: (width, height) in the annotation file, None if it states none.
        field: field of the annotation file that names the image.
        decode: decode the pixels, as training will, instead of reading only the header.
    """
    _check_storable(str(path), field)
    try:
        size = check_image(path, decode)
    except FileNotFoundError as error:
        raise AnnotationError("missing image file", field, name, str(error), UserFileNotFoundError) from error
    except ValueError as error:
        raise AnnotationError("unreadable image file", field, name, str(error)) from error
    if stated is not None and size != stated:
        # Swapped sides have a usual cause, which the message names.
        swapped = " (swapped, as by an EXIF orientation: annotate the upright image, or strip the tag)"
        note = swapped if size == stated[::-1] else ""
        hint = f"{path} has {size[0]} × {size[1]} pixels{note}; the annotations would not fit"
        raise AnnotationError("size differs from the image file", "width × height", f"{stated[0]} × {stated[1]}", hint)
    return size


def _check_storable(path: str, field: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        hint = "rename the file, with characters of UTF-8 only"
        raise AnnotationError("file name is not UTF-8", field, path, hint) from error
