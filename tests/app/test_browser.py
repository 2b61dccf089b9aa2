# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The app in a headless Chromium, with real clicks, keys and files; the numbers count the actions.

The model sees a disc at each click (`DiscPipeline`), so that it is known where masks must appear.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from helpers.app_browser import AppPage
from helpers.labeling_app import DiscPipeline, png, written_files
from pointwssis.app.app_state import AppState
from pointwssis.app.label_store import ImageLabels
from pointwssis.app.labeled_object import from_instance
from pointwssis.app.work_images import Limits, WorkImage
from pointwssis.data import load_annotations

SIZE = (120, 80)
MAX_USERS = 3
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def browser():
    """Return a headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return an app of three gray images, and the address of its server."""
    pytest.importorskip("gradio", reason="needs gradio: pip install 'pointwssis[app]'")
    from pointwssis.app.web_page import launch

    folder = tmp_path_factory.mktemp("served")
    images = []
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", SIZE, (128, 128, 128)).save(folder / name)
        images.append(WorkImage(name, folder / name))
    app = AppState(DiscPipeline(), images, folder / "out", Limits(max_users=MAX_USERS, max_megabytes=1))
    page, address = launch(app, "127.0.0.1", None)
    yield app, address
    page.close(verbose=False)


@pytest.fixture
def opened(browser, served):
    """Return a function that opens a tab of another person; afterwards no tab has met an error of the script."""
    app, address = served
    contexts, tabs = [], []
    # Each test starts without users and labels.
    app.users._by_key.clear()
    app.labels._labels.clear()

    def open_tab() -> AppPage:
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 760}))
        tabs.append(AppPage(contexts[-1].new_page(), address))
        return tabs[-1]

    yield open_tab
    for context in contexts:
        context.close()
    assert [tab.errors for tab in tabs if tab.errors] == []


def test_clicks_and_corrections(opened, served):
    app, tab = served[0], opened()
    tab.wait_for_image("a.png")  # 1: the page opens with the first image
    runs = len(app.pipe.encoded)
    assert not tab.is_masked(30, 25)
    tab.click(30, 25)  # 2: a click gives a mask, there and nowhere else
    assert tab.is_masked(34, 25) and tab.is_masked(30, 19) and not tab.is_masked(44, 25) and not tab.is_masked(90, 25)
    assert tab.labels() == ["left"]
    tab.press("3")
    tab.click(90, 25)  # 3: a digit chooses the class of the next click
    assert tab.labels() == ["left", "third"] and tab.is_masked(94, 25)
    tab.drag((30, 25), (55, 45))  # 4: a point moves, and its mask with it
    assert tab.is_masked(59, 45) and not tab.is_masked(34, 25) and tab.ids() == [1, 2]
    tab.click(61, 45, button="right")  # 5: a click with the right button removes a part of the mask
    assert not tab.is_masked(62, 45) and tab.is_masked(51, 45)
    tab.press("e")
    tab.click(49, 45)  # 6: so does a click in erase mode
    assert not tab.is_masked(48, 45) and tab.is_masked(55, 49)
    tab.press("e")
    tab.press("u")
    tab.press("u")  # 7: undo
    assert tab.is_masked(48, 45) and tab.is_masked(62, 45)
    tab.click(90, 25)
    tab.press("2")  # 8: a digit changes the class of the selected object
    assert tab.labels() == ["left", "right"]
    tab.press("Escape")
    tab.click(90, 25, button="right")  # 9: a click with the right button on a point removes the object
    assert tab.ids() == [1] and not tab.is_masked(94, 25)
    tab.press("a")  # 10: segmentation without clicks adds what has no label
    assert len(tab.ids()) == 3 and tab.is_masked(30, 24) and tab.is_masked(90, 24)
    assert "found 2 more objects" in tab.text("message")
    assert len(app.pipe.encoded) == runs == 1  # the network has run once


def test_a_click_means_the_pixel_under_it(opened, served):
    """The center of the first pixel is (0, 0), and the corner of the image (-0.5, -0.5)."""
    app, tab = served[0], opened()
    tab.wait_for_image("a.png")
    for x, y in [(30.9, 25.1), (0.1, 79.9)]:  # from the left and upper edge of the image
        tab.click(x, y)
        point = app.labels["a.png"].objects[-1].point
        assert [round(part) for part in point] == [int(x), int(y)]


def test_views_rejection_and_zoom(opened):
    tab = opened()
    tab.wait_for_image("a.png")
    tab.click(30, 25)
    tab.page.select_option(".pw-view", "both")  # 11: rough and refined masks side by side
    tab.wait()
    assert tab.is_masked(34, 25, "rough") and not tab.is_masked(37, 25, "rough") and tab.is_masked(37, 25, "outlines")
    tab.press("v")
    tab.page.fill(".pw-reject", "0.9")  # 12: background is rejected by the score
    tab.wait()
    tab.click(60, 75)
    assert "no object here" in tab.text("message") and tab.ids() == [1]
    box = tab.page.locator('.pw-pane[data-masks="outlines"] canvas').bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.wheel(0, -500)  # 13: after zooming in, a click in the middle still hits the middle of the image
    tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait()
    assert len(tab.ids()) == 2
    tab.page.set_viewport_size({"width": 1000, "height": 700})  # 14: another size of the window fits the image again
    tab.wait()
    assert tab.is_masked(65, 40) and not tab.is_masked(90, 40)


def test_a_folder_step_by_step(opened, served):
    app, tab = served[0], opened()
    tab.wait_for_image("a.png")
    tab.click(30, 25)
    tab.press("n")  # 15: next
    tab.wait_for_image("b.png")
    assert tab.text("count") == "1 of 3 finished" and tab.text("where").startswith("2 / 3")
    tab.click(50, 40)
    tab.page.reload()  # 16: a reload in the middle
    tab.wait_for_image("b.png")
    assert tab.ids() == [1] and tab.is_masked(54, 40)
    tab.press("ArrowLeft")  # 17: back
    tab.wait_for_image("a.png")
    assert tab.page.is_checked(".pw-finished") and tab.is_masked(34, 25)
    tab.page.uncheck(".pw-finished")  # 18: not finished after all
    tab.wait()
    assert tab.text("count") == "0 of 3 finished"
    # Everything was saved, in the chosen folder and nowhere else.
    assert {"labels/a.png.json", "labels/b.png.json"} <= written_files(app.output_dir)
    written = written_files(app.output_dir.parent) - {"a.png", "b.png", "c.png"}
    assert all(name.startswith(("out/labels/", "out/temporary/")) for name in written)


def test_a_drag_does_not_reach_another_image(opened, served):
    app, tab = served[0], opened()
    tab.wait_for_image("a.png")
    tab.click(30, 25)
    tab.press("n")
    tab.wait_for_image("b.png")
    tab.click(60, 40)
    tab.press("ArrowLeft")
    tab.wait_for_image("a.png")
    before = app.labels["b.png"].objects
    tab.page.mouse.move(*tab._on_screen(30, 25))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab._on_screen(40, 30))
    tab.press("ArrowRight")  # while the mouse is down
    tab.wait_for_image("b.png")
    tab.page.mouse.up()
    tab.wait()
    assert app.labels["b.png"].objects == before


def test_habits_of_other_programs(opened):
    tab = opened()
    tab.wait_for_image("a.png")
    tab.page.mouse.dblclick(*tab._on_screen(30, 25))  # the second press does not make a second object
    tab.wait()
    assert tab.ids() == [1]
    tab.press("Escape")
    tab.click(90, 25)
    tab.press("Control+z")
    assert tab.ids() == [1]
    tab.press("Shift+U")  # as with Caps Lock
    assert tab.ids() == []
    tab.press("9")
    assert tab.text("message") == "No class has the number 9."
    # A click on another place means a new object, of the class that the buttons show.
    tab.click(30, 25)
    tab.click(30, 25)
    tab.press("2")
    tab.click(30, 60)
    tab.press("3")
    tab.click(90, 25)
    assert tab.labels() == ["right", "left", "third"]
    tab.press("ArrowRight")
    tab.page.select_option(".pw-format", "csv")
    tab.page.focus(".pw-format")
    tab.page.dispatch_event(".pw-format", "change")
    tab.press("n")  # a choice from a menu leaves the keys to the page
    tab.wait_for_image("c.png")


def test_files_that_are_no_images(opened):
    tab = opened()
    tab.wait_for_image("a.png")
    tab.give("drop", "scan.czi", b"ZISRAWFILE" + bytes(90), "")
    assert "scan.czi: not a readable image" in tab.text("message")
    tab.give("drop", "slices.tif", png(*SIZE), "")  # a type that the browser does not know
    tab.wait_for_image("slices.tif")
    tab.page.evaluate(
        "() => { FileReader.prototype.readAsDataURL = function () { setTimeout(() => this.onerror()); }; }"
    )
    tab.give("drop", "folder", b"", "")  # as a browser fails to read a folder
    tab.page.wait_for_selector(".pw-error")
    assert tab.text("message") == "folder cannot be read. If it is a folder, drop the files in it."


def test_labels_in_doubt_come_first_until_they_are_changed(opened, served):
    app = served[0]
    found = app.pipe.encode(Image.new("RGB", SIZE))(points=[(30, 25), (90, 25)])
    good, bad = (from_instance(id, one, is_label_given=False) for id, one in enumerate(found, start=1))
    app.labels.save("a.png", ImageLabels(SIZE, (good, replace(bad, doubt="click outside the mask"))))
    tab = opened()
    tab.wait_for_image("a.png")
    assert tab.ids() == [2, 1] and tab.text("total") == "2 objects, 1 in doubt"
    assert tab.text("list").count("⚠ click outside the mask") == tab.text("list").count("⚠") == 1
    tab.click(95, 25, button="right")
    assert tab.ids() == [1, 2] and tab.text("total") == "2 objects" and "⚠" not in tab.text("list")
    # A label that is right is confirmed instead: in its row, or with the key.
    tab.press("u")
    assert tab.ids() == [2, 1] and tab.page.locator(".pw-confirm:visible").count() == 1
    tab.page.click(".pw-confirm:visible")
    tab.wait()
    assert tab.ids() == [1, 2] and "⚠" not in tab.text("list") and tab.text("list").count("by hand") == 1
    tab.press("u")
    tab.page.click(".pw-row[data-id='2'] span")
    tab.press("k")
    assert app.labels["a.png"].objects[1].score is None and "⚠" not in tab.text("list")


def test_the_download_parses_again(opened, served, tmp_path):
    app, tab = served[0], opened()
    tab.wait_for_image("a.png")
    tab.click(30, 25)
    tab.click(90, 25)
    for format in ("coco", "label_studio", "cvat", "csv"):
        tab.page.select_option(".pw-format", format)
        with tab.page.expect_download() as started:  # 19: save
            tab.push("save")
        path = tmp_path / started.value.suggested_filename
        started.value.save_as(path)
        folder = app.images[0].source.parent
        (row,) = load_annotations(path, folder, class_names=list(DiscPipeline.names))
        assert [item["category"] for item in row["objects"]] == [0, 1]
        assert f"Downloaded {path.name}: 2 objects in 1 image." in tab.text("message")
        tab.click(90, 25, button="right")
        assert tab.labels() == ["left"] and not tab.is_masked(94, 25)
        tab.page.set_input_files(".pw-label-file", path)  # 20: load
        tab.page.wait_for_function("document.querySelectorAll('.pw-row').length === 2")
        tab.wait()
        assert tab.labels() == ["left", "right"] and tab.is_masked(94, 25)


def test_images_of_the_user(opened, tmp_path):
    tab = opened()
    tab.wait_for_image("a.png")
    tab.give("drop", "broken.png", png()[:150])  # 21: a broken image
    assert "broken.png: cannot be decoded" in tab.text("message")
    tab.click(30, 25)
    assert tab.ids() == [1]
    tab.give("drop", "large.png", bytes(1_500_000))
    assert "large.png has 1.5 MB; the limit of this app is 1 MB" in tab.text("message")
    tab.give("drop", "dropped.png", png(*SIZE))  # 22: drop
    tab.wait_for_image("dropped.png")
    tab.click(30, 25)
    tab.give("paste", "pasted.png", png(*SIZE))  # 23: paste
    tab.wait_for_image("pasted.png")
    Image.new("L", SIZE, 90).save(tmp_path / "opened.png")
    tab.page.set_input_files(".pw-image-file", tmp_path / "opened.png")  # 24: open
    tab.wait_for_image("opened.png")
    assert tab.text("where").startswith("6 / 6") and tab.ids() == []
    tab.page.reload()  # a reload keeps them
    tab.wait_for_image("opened.png")
    assert tab.text("where").startswith("6 / 6")


def test_five_hundred_points(opened):
    tab = opened()
    tab.wait_for_image("a.png")
    lines = [f"a.png,{2 + 4.5 * (index % 25)},{1 + 3.9 * (index // 25)},left" for index in range(500)]
    tab.give("drop", "clicks.csv", "\n".join(["image,x,y,label", *lines]).encode(), "text/csv")  # 25: 500 points
    tab.page.wait_for_function("document.querySelectorAll('.pw-row').length === 500", timeout=60_000)
    tab.wait()
    assert tab.text("total") == "500 objects" and "500 clicks of the file became masks" in tab.text("message")
    tab.press("u")
    tab.press("u")
    assert tab.text("total") == "498 objects"
    tab.click(117, 78)
    assert tab.text("total") == "499 objects"


def test_several_people(opened, served, monkeypatch):
    app, first, second = served[0], opened(), opened()  # 26: two users at once
    first.wait_for_image("a.png")
    second.wait_for_image("b.png")
    for x in (20, 60, 100):
        first.page.mouse.click(*first._on_screen(x, 25))
        second.page.mouse.click(*second._on_screen(x, 50))
    first.wait()
    second.wait()
    assert first.ids() == second.ids() == [1, 2, 3]
    assert first.is_masked(20, 29) and not first.is_masked(20, 50) and second.is_masked(20, 54)
    second.page.mouse.click(*second._on_screen(80, 20))
    second.page.close()  # 27: a tab is closed in the middle of a click
    first.click(80, 20)
    assert len(first.ids()) == 4
    others = [opened() for _ in range(MAX_USERS - 2)]
    assert all(tab.text("message") == "" for tab in others)
    late = opened()  # 28: the app is full
    assert "This app is full: it has room for 3 people at once" in late.text("message")
    monkeypatch.setattr(app.users, "away_after", 0.0)  # 29: the place of a tab that has gone is free again
    late.page.reload()
    late.page.wait_for_selector(".pw[data-image]")
    late.wait()
    assert "full" not in late.text("message")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        late.press(key)
    late.wait_for_image("b.png")  # with the labels of the closed tab
    count = len(late.ids())
    late.click(100, 70)
    assert count >= 3 and len(late.ids()) == len(app.labels["b.png"].objects) == count + 1


def test_the_server_is_gone(browser, tmp_path):
    from pointwssis.app.web_page import launch

    Image.new("RGB", SIZE, (128, 128, 128)).save(tmp_path / "a.png")
    app = AppState(DiscPipeline(), [WorkImage("a.png", tmp_path / "a.png")], tmp_path / "out")
    page, address = launch(app, "127.0.0.1", None)
    tab = AppPage(browser.new_page(), address)
    tab.wait_for_image("a.png")
    page.close(verbose=False)
    tab.click(30, 25)  # 30: a click when the server is gone
    assert "The server does not answer" in tab.text("message")
    tab.page.close()
    assert Path(tmp_path / "out").is_dir()
