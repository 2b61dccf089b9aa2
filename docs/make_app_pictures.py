# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Draw the pictures of docs/app.md: real clicks on the app in a headless Chromium, with the models of `make demo`.

pointwssis demo
python docs/make_app_pictures.py --demo outputs/demo --output_dir docs/images

Needs Gradio, Playwright (the Python package only) and Chromium.
"""

import argparse
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import figures
from PIL import Image
from playwright.sync_api import sync_playwright
from transformers import pipeline

from pointwssis import load_coco_folder
from pointwssis.app.app_state import AppState
from pointwssis.app.web_page import launch
from pointwssis.app.work_images import WorkImage
from pointwssis.data import DEMO_NUCLEI

WINDOW = {"width": 1180, "height": 720}
ANIMATION_WIDTH = 900  # pixels
FIRST, SECOND = "val_lilac_stain_05.webp", "val_fluorescence_small_02.webp"  # images of the animation
POINTER_COLOR = (0, 114, 178)
READY = "!document.querySelector('.pw').dataset.busy && document.querySelector('.pw').dataset.image"
Point = tuple[float, float]  # (x, y) in pixels of the image


class Recorder:
    """A tab of the app that keeps a picture of each step.

    Args:
        page: page of Playwright that shows the app.
    """

    def __init__(self, page: Any):
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []  # milliseconds

    def wait(self) -> None:
        """Wait until everything is answered and drawn."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(READY, timeout=120_000)
        self.page.wait_for_timeout(100)

    def keep(self, duration: int, pointer: Point | None = None) -> Image.Image:
        """Keep the present look for a number of milliseconds, with a mouse pointer at a place of the screen."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        shown = picture if pointer is None else with_pointer(picture, pointer)
        self.frames.append(shown)
        self.durations.append(duration)
        return picture

    def on_screen(self, point: Point) -> Point:
        """Return the place of a pixel of the fitted image on the screen."""
        width, height = map(int, self.page.get_attribute(".pw", "data-size").split())
        box = self.page.locator('.pw-pane[data-masks="outlines"] canvas').bounding_box()
        scale = min(box["width"] / width, box["height"] / height)
        left, top = (box["width"] - width * scale) / 2, (box["height"] - height * scale) / 2
        return box["x"] + left + point[0] * scale, box["y"] + top + point[1] * scale

    def click(self, point: Point, duration: int = 500, button: str = "left") -> None:
        """Click a place of the image, before and after which a picture is kept."""
        place = self.on_screen(point)
        self.keep(300, place)
        self.page.mouse.click(*place, button=button)
        self.wait()
        self.keep(duration, place)

    def press(self, key: str, duration: int = 900) -> None:
        """Press a key, after which a picture is kept."""
        self.page.keyboard.press(key)
        self.wait()
        self.keep(duration)


def with_pointer(picture: Image.Image, place: Point) -> Image.Image:
    """Return a copy of a picture with a mouse pointer of the usual size."""
    pointed, unit = picture.copy(), 300
    window = (round(place[0]) - 20, round(place[1]) - 20, round(place[0]) - 20 + unit, round(place[1]) - 20 + unit)
    part = figures.with_pointers(picture.crop(window), [(20, 20)], [POINTER_COLOR])
    pointed.paste(part, window[:2])
    return pointed


def points_of(name: str) -> list[Point]:
    """Return the points of the ground truth of a demo image, whose objects are clicked."""
    rows = load_coco_folder(DEMO_NUCLEI)["validation"].with_format(None)
    objects = next(row for row in rows if row["file_name"] == name)["objects"]
    return [tuple(item["point"]) for item in sorted(objects, key=lambda item: -item["area"])]


def record(recorder: Recorder, output_dir: Path) -> None:
    """Click through two images: masks of clicks, all other objects, rough and refined masks, an undo."""
    recorder.page.wait_for_selector(".pw[data-image]", timeout=120_000)
    recorder.wait()
    recorder.keep(900)
    for point in points_of(FIRST)[:4]:
        recorder.click(point)
    recorder.press("a", 1200)
    recorder.keep(600).save(output_dir / "app.png", optimize=True)
    recorder.page.select_option(".pw-view", "both")
    recorder.wait()
    recorder.keep(1500).save(output_dir / "app_both.webp", quality=85)
    recorder.page.select_option(".pw-view", "refined")
    recorder.wait()
    recorder.press("n", 900)
    for point in points_of(SECOND)[:3]:
        recorder.click(point)
    recorder.press("u")
    recorder.press("a", 1800)


def started(playwright: Any) -> Any:
    """Return a headless Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


def served_images() -> Iterator[WorkImage]:
    """Yield the images of the app: two, and the rest of the demo's validation images."""
    names = sorted(path.name for path in (DEMO_NUCLEI / "images").glob("val_*"))
    for name in [FIRST, SECOND, *(name for name in names if name not in (FIRST, SECOND))]:
        yield WorkImage(name, DEMO_NUCLEI / "images" / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default="outputs/demo", help="output folder of `pointwssis demo`")
    parser.add_argument("--output_dir", type=Path, default="docs/images")
    args = parser.parse_args()
    args.output_dir.mkdir(parents=True, exist_ok=True)

    student, refiner = str(args.demo / "student_refined"), str(args.demo / "refiner")
    pipe = pipeline("point-instance-segmentation", model=student, refiner=refiner, device="cpu")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = AppState(pipe, list(served_images()), Path(folder))
        server, address = launch(app, "127.0.0.1", None)
        browser = started(playwright)
        page = browser.new_page(viewport=WINDOW)
        page.goto(address)
        recorder = Recorder(page)
        record(recorder, args.output_dir)
        browser.close()
        server.close(verbose=False)
    size = (ANIMATION_WIDTH, round(ANIMATION_WIDTH * WINDOW["height"] / WINDOW["width"]))
    frames = [frame.resize(size, Image.Resampling.LANCZOS) for frame in recorder.frames]
    options = {"duration": recorder.durations, "loop": 0, "quality": 80, "method": 6}
    frames[0].save(args.output_dir / "app.webp", save_all=True, append_images=frames[1:], **options)


if __name__ == "__main__":
    main()
