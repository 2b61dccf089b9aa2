# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The page of the app and its server: Gradio, with limits on what it takes."""

import importlib.util
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ops.user_error import UserError
from .actions import act
from .app_state import AppState
from .http_api import add_endpoints

if TYPE_CHECKING:
    import gradio as gr

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("1_server.js", "2_drawing.js", "3_input.js")  # parts of one program
TITLE = "pointwssis"
BASE64_GROWTH = 4 / 3
ROOM_FOR_VALUES = 2**20  # bytes of a request beside its file

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]


class RequestLimit:
    """Middleware that refuses large requests before they are read, and uploads of files, which the app does not use.

    Args:
        app: ASGI application.
        max_bytes: most bytes of a request.
    """

    def __init__(self, app: Channel, max_bytes: int):
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Channel, send: Channel) -> None:
        """Pass a request on, or answer it with the status of a refusal."""
        refusal = self._refusal(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        status, text = refusal
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and message for a request that is refused."""
        if scope["path"].rstrip("/").endswith("/upload"):
            return 403, "uploads of files are switched off; send an image as base64 text"
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            return 411, "a request needs its length"
        if int(length) > self.max_bytes:
            return 413, f"a request may have {self.max_bytes:,} bytes"
        return None


def check_gradio() -> None:
    """Raise a `UserError` if Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the app needs Gradio: pip install 'pointwssis[app]'")


def build_page(app: AppState) -> "gr.Blocks":
    """Return the page of an app, with its endpoints for programs."""
    import gradio as gr

    def act_on(request: Any) -> dict[str, Any]:
        return act(app, request)

    act_on.__name__ = "act"  # by which the page calls it
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            html_template=_text("page.html"),
            css_template=_text("page.css"),
            js_on_load="\n".join(map(_text, SCRIPTS)),
            apply_default_css=False,
            server_functions=[act_on],
        )
        add_endpoints(app)
    return page


def launch(app: AppState, host: str, port: int | None) -> tuple["gr.Blocks", str]:
    """Start the server of an app in the background, and return the page and its address.

    Args:
        app: the app.
        host: address to listen at; "0.0.0.0" serves other machines too.
        port: port to listen at; None takes a free one from 7860 on.

    Raises:
        OSError: the port is taken.
    """
    # Gradio's own files go into the chosen folder too; it reads the variable when it is imported.
    os.environ["GRADIO_TEMP_DIR"] = str(app.output_dir / "temporary")
    import gradio as gr
    from starlette.middleware import Middleware

    page = build_page(app).queue(max_size=app.limits.max_users)
    max_bytes = int(app.limits.max_megabytes * 1e6 * BASE64_GROWTH) + ROOM_FOR_VALUES
    # No fonts from the network
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    _, local_url, _ = page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        share=False,
        quiet=True,
        show_error=True,
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        theme=theme,
        app_kwargs={"middleware": [Middleware(RequestLimit, max_bytes=max_bytes)]},
    )
    return page, local_url


def _text(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
