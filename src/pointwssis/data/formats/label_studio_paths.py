# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The path of the image in a Label Studio task: an upload, local storage, a cloud bucket, or any URL."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ...ops.images import IMAGE_SUFFIXES
from ..errors import AnnotationError

_BUCKETS = ("s3", "gs", "azure-blob")


def image_path_in(data: Mapping[str, Any]) -> str:
    """Return the path of the image in a task: its `image`, otherwise its only value with the suffix of an image.

    Args:
        data: `data` of the task.

    Raises:
        AnnotationError: there is no such value, several, or one that is not a path or URL.
    """
    values = [data["image"]] if "image" in data else [value for value in data.values() if _looks_like_image(value)]
    if len(values) != 1 or not isinstance(values[0], str) or values[0].startswith("data:"):
        hint = 'give the path or URL of the image file as "image"'
        raise AnnotationError("task without the path of one image", "data.image", values or dict(data), hint)
    try:
        url = urlsplit(values[0])
    except ValueError as error:
        hint = f"{error}; give the path or URL of the image"
        raise AnnotationError("bad URL", "data.image", values[0], hint) from error
    if url.scheme in _BUCKETS:  # keys are not URLs: what looks like a query or fragment is part of the name
        return values[0].partition("://")[2]

    query = parse_qs(url.query)
    # The tool hands out files of a bucket under an address that holds their own in base64.
    if "fileuri" in query:
        return _path_in_bucket(query["fileuri"][0])

    # Uploads and URLs contain the path itself, with escaped characters.
    stored = query.get("d")  # local storage: /data/local-files/?d=set/name.jpg
    if stored:
        return stored[0]
    return unquote(url.path) if url.scheme or values[0].startswith("/data/") else values[0]


def _path_in_bucket(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode().partition("://")[2]
    except ValueError as error:
        hint = f"{error}; give the path or URL of the image"
        raise AnnotationError("address that is not base64 text", "data.image fileuri", text, hint) from error


def _looks_like_image(value: Any) -> bool:
    return isinstance(value, str) and value.partition("?")[0].lower().endswith(IMAGE_SUFFIXES)
