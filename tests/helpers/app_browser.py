# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The page of the labeling app in a headless Chromium."""

import base64
from typing import Any

# True where a mask covers the gray image: its pixel has a color
COLORED = """([x, y, masks]) => {
    const canvas = document.querySelector(`.pw-pane[data-masks="${masks}"] canvas`), ratio = devicePixelRatio;
    const [r, g, b] = canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data;
    return Math.max(r, g, b) - Math.min(r, g, b) > 12;
}"""
# Gives a file to the page as if it was dropped or pasted
GIVE = """([kind, name, type, content]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type }));
    const root = document.querySelector(".pw");
    if (kind === "drop") root.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    else document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
}"""


class AppPage:
    """A tab of the browser.

    Args:
        page: page of Playwright.
        address: address of the app.
    """

    def __init__(self, page: Any, address: str):
        self.page, self.errors = page, []
        page.on("pageerror", lambda error: self.errors.append(error))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address)
        # The first answer shows an image, or says why not.
        page.wait_for_function(
            "document.querySelector('.pw[data-image]') || document.querySelector('.pw-error')", timeout=60_000
        )
        self.wait()

    def wait(self) -> None:
        """Wait until the server has answered everything, and the answers are drawn."""
        self.page.wait_for_timeout(60)
        self.page.wait_for_function("!document.querySelector('.pw').dataset.busy", timeout=60_000)
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def wait_for_image(self, name: str) -> None:
        """Wait until an image is shown."""
        self.page.wait_for_selector(f'.pw[data-image="{name}"]', timeout=60_000)
        self.wait()

    # -- looking

    def text(self, name: str) -> str:
        """Return the text of an element of the page."""
        return self.page.inner_text(f".pw-{name}")

    def ids(self) -> list[int]:
        """Return the numbers of the listed objects."""
        return [int(row.get_attribute("data-id")) for row in self.page.query_selector_all(".pw-row")]

    def labels(self) -> list[str]:
        """Return the classes of the listed objects."""
        return [row.get_attribute("data-label") for row in self.page.query_selector_all(".pw-row")]

    def is_masked(self, x: float, y: float, masks: str = "outlines") -> bool:
        """Return True if a mask is drawn on a pixel of the image."""
        left, top, scale = self._frame(masks)
        return self.page.evaluate(COLORED, [left + x * scale, top + y * scale, masks])

    def _frame(self, masks: str) -> tuple[float, float, float]:
        """Return where the fitted image lies in its canvas, and its scale."""
        box = self._canvas(masks).bounding_box()
        width, height = map(int, self.page.get_attribute(".pw", "data-size").split())
        scale = min(box["width"] / width, box["height"] / height)
        return (box["width"] - width * scale) / 2, (box["height"] - height * scale) / 2, scale

    def _canvas(self, masks: str) -> Any:
        return self.page.locator(f'.pw-pane[data-masks="{masks}"] canvas')

    def _on_screen(self, x: float, y: float) -> tuple[float, float]:
        left, top, scale = self._frame("outlines")
        box = self._canvas("outlines").bounding_box()
        return box["x"] + left + x * scale, box["y"] + top + y * scale

    # -- acting

    def click(self, x: float, y: float, button: str = "left") -> None:
        """Click a place of the image, in its pixels."""
        self.page.mouse.click(*self._on_screen(x, y), button=button)
        self.wait()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at one place of the image and release it at another."""
        self.page.mouse.move(*self._on_screen(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self._on_screen(*end), steps=4)
        self.page.mouse.up()
        self.wait()

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
        self.wait()

    def push(self, name: str) -> None:
        """Push a button of the page."""
        self.page.click(f".pw-{name}")
        self.wait()

    def give(self, kind: str, name: str, content: bytes, type: str = "image/png") -> None:
        """Drop or paste a file."""
        self.page.evaluate(GIVE, [kind, name, type, base64.b64encode(content).decode()])
        self.wait()
