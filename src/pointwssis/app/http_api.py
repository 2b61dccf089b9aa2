# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks over HTTP: named endpoints of the app's server for programs."""

from typing import Any

from ..ops.user_error import UserError
from .app_state import AppState
from .image_actions import decoded
from .work_images import WorkImage

MASK_FORMATS = ("rle", "polygon")


def add_endpoints(app: AppState) -> None:
    """Add the endpoints `/segment`, `/find_all` and `/classes` to the Gradio page that is being built.

    Each returns JSON. An image is base64 text, with or without "data:image/…;base64,". A refused request raises one
    sentence in the client.
    """
    import gradio as gr

    def segment(
        image: str, points: list[list[float]], labels: list[str | None] | None = None, mask_format: str = "rle"
    ) -> list[dict[str, Any]]:
        """Return one instance per point (x, y) in pixels of the image, in their order."""
        return _answered(app, image, mask_format, points=points, labels=labels)

    def find_all(image: str, threshold: float = 0.3, mask_format: str = "rle") -> list[dict[str, Any]]:
        """Return all instances with at least this score."""
        return _answered(app, image, mask_format, threshold=threshold)

    def classes() -> list[str]:
        """Return the class names of the model."""
        return app.class_names

    for endpoint in (segment, find_all, classes):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=1, concurrency_id="network")


def _answered(app: AppState, image: str, mask_format: str, **prompts: Any) -> list[dict[str, Any]]:
    """Return the instances of an image, or raise the error that a client shows."""
    try:
        if mask_format not in MASK_FORMATS:
            raise UserError(f"mask_format must be one of {', '.join(MASK_FORMATS)}, got {mask_format!r:.40}")
        points = prompts.get("points")
        if isinstance(points, list):
            app.limits.check_points(len(points))
        pixels = WorkImage("the image", decoded(str(image), "the image", app.limits)).read(app.limits)
        return app.encoded(pixels, "the image")(mask_format=mask_format, **prompts)
    except UserError as error:
        import gradio as gr

        raise gr.Error(str(error), print_exception=False) from error
