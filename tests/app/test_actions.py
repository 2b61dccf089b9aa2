# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Actions of the page and their answers, without a browser."""

import base64
import json
import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from helpers import tiny
from helpers.labeling_app import Tab, png, written_files
from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState
from pointwssis.app.label_store import ImageLabels
from pointwssis.app.labeled_object import LabeledObject
from pointwssis.app.users import Users
from pointwssis.app.work_images import Limits, WorkImage
from pointwssis.data import class_names, load_annotations
from pointwssis.ops.rle import encode_mask
from pointwssis.ops.user_error import UserError

RECORD = {"labels/image_folders.txt"}  # beside the labels

CROWD = {"size": [64, 96], "counts": [0, 640, 64 * 96 - 640]}


def sent(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_hello_shows_the_first_unfinished_image(make_app, pipe):
    answer = Tab(make_app())("hello")
    assert answer["class_names"] == tiny.NAMES and answer["formats"] == ["coco", "label_studio", "cvat", "csv"]
    assert answer["image"]["name"] == "a.png" and (answer["image"]["width"], answer["image"]["height"]) == (96, 64)
    assert answer["image"]["pixels"].startswith("data:image/png;base64,")
    assert (answer["images"], answer["index"], answer["finished_images"]) == (3, 0, 0)
    assert answer["has_refiner"] is False and answer["objects"] == []


def test_everything_that_is_answered_is_json(make_app, refining_pipe):
    tab = Tab(make_app(pipe=refining_pipe))
    assert tab("hello")["has_refiner"] is True
    (item,) = json.loads(json.dumps(tab("click", x=30, y=20)))["changed"]
    assert item["outlines"] and item["rough"] and item["outlines"] != item["rough"]
    for action, values in [
        ("encode", {}),
        ("move", {"id": 1, "x": 40, "y": 25}),
        ("classify", {"id": 1, "label": tiny.NAMES[1]}),
        ("erase", {"x": 40, "y": 25}),
        ("find_all", {"threshold": 0.0}),
        ("finish", {"is_finished": True}),
        ("reject", {"limit": 0.5}),
        ("undo", {}),
        ("remove", {"id": 1}),
        ("download", {"format": "coco"}),
        ("next", {}),
        ("ping", {}),
    ]:
        answer = json.loads(json.dumps(tab(action, **values)))
        assert "understand" not in answer.get("error", "")


def test_only_what_has_changed_is_sent(tab):
    tab("click", x=30, y=20)
    answer = tab("click", x=60, y=40)
    assert [item["id"] for item in answer["changed"]] == [2] and answer["removed"] == []
    assert tab("undo") == {"changed": [], "removed": [2]}
    assert tab("undo")["removed"] == [1]
    assert tab("undo") == {"message": "There is nothing to undo."}


def test_labels_are_saved_after_every_change(tab, make_app, tmp_path):
    tab("click", x=30, y=20, label=tiny.NAMES[2])
    tab("click", x=60, y=40)
    tab("finish", is_finished=True)
    # Another app finds them, as after a crash.
    later = Tab(make_app())
    assert later("hello")["image"]["name"] == "b.png"
    answer = later("open", index=0)
    assert [item["point"] for item in answer["objects"]] == [(30, 20), (60, 40)] and answer["is_finished"]
    assert answer["objects"][0]["label"] == tiny.NAMES[2] and answer["objects"][0]["given"]
    # Nothing is written but the labels.
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json"}


def test_next_finishes_images_with_objects_and_finds_the_unfinished(tab):
    tab("click", x=30, y=20)
    answer = tab("next")
    assert (answer["image"]["name"], answer["finished_images"]) == ("b.png", 1)
    # An image without objects is not finished by going on.
    answer = tab("next")
    assert (answer["image"]["name"], answer["finished_images"]) == ("sub/c.png", 1)
    assert tab("next")["image"]["name"] == "b.png"
    tab("finish", is_finished=True)
    tab("next")
    answer = tab("finish", is_finished=True)
    assert (answer["finished_images"], answer["images"]) == (3, 3)
    assert tab("next")["message"] == "All other images are finished or open elsewhere."


def test_two_people(make_app):
    app = make_app()
    first, second = Tab(app), Tab(app)
    assert first("hello")["image"]["name"] == "a.png" and second("hello")["image"]["name"] == "b.png"
    first("click", x=30, y=20)
    assert second("click", x=10, y=10)["changed"][0]["id"] == 1
    # Each sees the labels of the other, and is warned.
    answer = second("open", index=0)
    assert [item["point"] for item in answer["objects"]] == [(30, 20)]
    assert "Another person has this image open" in answer["message"]
    # Going on keeps what the first has changed meanwhile.
    first("click", x=60, y=20)
    assert second("next")["image"]["name"] == "b.png"
    assert len(app.labels["a.png"].objects) == 2 and app.labels.is_finished("a.png")


def test_no_change_of_another_person_is_overwritten(make_app):
    app = make_app()
    first, second = Tab(app), Tab(app)
    first("hello")
    second("hello")
    second("open", index=0)
    for x in (20, 40, 60):
        assert "changed" in second("click", x=x, y=20)
    # The page of the first gets what the second has done, and then both go on.
    answer = first("click", x=80, y=20)
    assert "Somebody else has changed the labels of a.png" in answer["message"] and "changed" not in answer
    assert len(answer["objects"]) == len(app.labels["a.png"].objects) == 3
    assert len(first("click", x=80, y=20)["changed"]) == 1 and len(app.labels["a.png"].objects) == 4
    # To finish an image changes no label; to load labels changes them all.
    second("finish", is_finished=True)
    assert "changed" in first("click", x=70, y=20) and app.labels.is_finished("a.png")
    text = f"image,x,y,label\na.png,3,4,{tiny.NAMES[0]}\n"
    first("load", name="x.csv", content=sent(text.encode()))
    assert "Somebody else" in second("click", x=50, y=50)["message"] and len(app.labels["a.png"].objects) == 1


def test_a_dropped_image_stays_with_its_user(make_app, tmp_path):
    app = make_app()
    first, second = Tab(app), Tab(app)
    first("hello")
    answer = first("drop", name="C:\\pictures\\x.png", content=sent(png()))
    assert answer["image"]["name"] == "x.png" and (answer["index"], answer["images"]) == (3, 4)
    first("click", x=3, y=4)
    assert first("drop", name="a.png", content=sent(png()))["image"]["name"] == "a_2.png"
    assert second("hello")["images"] == 3
    assert written_files(tmp_path / "out") == set()
    # A reload keeps it; another tab knows nothing of it.
    assert Tab.__call__(first, "hello")["image"]["name"] == "a_2.png"
    assert len(first("open", index=3)["objects"]) == 1
    rows = json.loads(first("download", format="coco")["file"]["text"])
    assert [image["file_name"] for image in rows["images"]] == ["x.png"]
    assert "nothing to save" in second("download", format="coco")["error"]


def test_equal_dropped_images_of_two_people_are_two_images(make_app):
    app = make_app(shown=[])
    first, second = Tab(app), Tab(app)
    for tab in (first, second):
        tab("hello")
        assert "message" not in tab("drop", name="x.png", content=sent(png()))
    first("click", x=3, y=4)
    assert second("open", index=0)["objects"] == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.png", sent(png()[:200]), "broken.png: cannot be decoded"),
        ("notes.png", sent(b"not an image"), "notes.png: not a readable image"),
        ("x.png", "data:image/png;base64,!!", "x.png: is not base64 text"),
        ("large.png", sent(png(300, 300)), "large.png has 300 × 300 pixels; the limit of this app is 0.05 megapixels"),
        ("heavy.png", sent(bytes(400_000)), "heavy.png has 0.4 MB; the limit of this app is 0.3 MB"),
    ],
)
def test_images_that_are_refused(make_app, name, content, message):
    tab = Tab(make_app(limits=Limits(max_megapixels=0.05, max_megabytes=0.3)))
    tab("hello")
    assert message in tab("drop", name=name, content=content)["error"]
    # The open image is still there.
    answer = tab("click", x=30, y=20)
    assert len(answer["changed"]) == 1 and tab("ping") == {}


def test_a_broken_image_of_the_folder_does_not_stop_the_work(make_app, images):
    images[1].source.write_bytes(images[1].source.read_bytes()[:300])
    tab = Tab(make_app())
    tab("hello")
    tab("click", x=30, y=20)
    answer = tab("open", index=1)
    assert "b.png" in answer["error"] and "cannot be decoded" in answer["error"]
    assert len(tab("click", x=40, y=20)["changed"]) == 1
    assert tab("open", index=2)["image"]["name"] == "sub/c.png"


def test_broken_images_are_skipped(make_app, images):
    whole = images[1].source.read_bytes()
    for image in images[:2]:
        image.source.write_bytes(whole[:300])
    tab = Tab(make_app())
    answer = tab("hello")
    assert answer["image"]["name"] == "sub/c.png" and answer["max_megabytes"] == 25
    assert "a.png: cannot be decoded" in answer["message"] and "1 more image cannot be opened" in answer["message"]
    assert "a.png: cannot be decoded" in tab("next")["message"]
    # The open image is still there; a mended one is found.
    assert len(tab("click", x=30, y=20)["changed"]) == 1
    images[1].source.write_bytes(whole)
    answer = tab("next")
    assert answer["image"]["name"] == "b.png" and "a.png: cannot be decoded" in answer["message"]


def test_the_page_can_take_images_where_all_are_broken(make_app, images):
    images[0].source.write_bytes(b"")
    tab = Tab(make_app(shown=images[:1]))
    answer = tab("hello")
    assert "a.png" in answer["error"] and answer["max_megabytes"] == 25 and answer["images"] == 1
    assert tab("drop", name="x.png", content=sent(png()))["image"]["name"] == "x.png"


def test_messages_do_not_show_the_folders_of_the_server(images, pipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tab = Tab(AppState(pipe, images, Path("out")))
    images[0].source.write_bytes(b"no image")
    images[1].source.unlink()
    answers = [tab("open", index=0), tab("open", index=1)]
    content = sent(b"image,x,y,label\nz.png,3,4,\n")
    answers.append(tab("load", name="x.csv", content=content))
    messages = [answer["error"] for answer in answers]
    assert not any(str(tmp_path) in message for message in messages)
    assert messages[0].startswith("a.png: ") and messages[1].startswith("b.png: ")
    assert "not found below the images of the app" in messages[2]


def test_limits_of_objects_images_and_users(make_app):
    app = make_app(limits=Limits(max_objects=2, max_users=2, max_dropped=1))
    tab = Tab(app)
    tab("hello")
    for x in (10, 20):
        tab("click", x=x, y=20)
    assert "the limit of this app is 2 per image" in tab("click", x=30, y=20)["error"]
    tab("drop", name="x.png", content=sent(png()))
    assert "You have dropped 1 image" in tab("drop", name="y.png", content=sent(png()))["error"]
    assert "error" not in Tab(app)("hello")
    assert "This app is full: it has room for 2 people at once" in Tab(app)("hello")["error"]


def test_a_file_with_more_clicks_than_the_limit(make_app):
    tab = Tab(make_app(limits=Limits(max_objects=2)))
    tab("hello")
    lines = ["image,x,y,label", "a.png,3,4,", *(f"b.png,{x},4," for x in (3, 9, 30))]
    error = tab("load", name="x.csv", content=sent("\n".join(lines).encode()))["error"]
    assert "b.png has labels of 3 objects; the limit of this app is 2 per image" in error
    assert len(tab.app.labels) == 0 and tab("open", index=1)["objects"] == []


def test_an_image_whose_clicks_do_not_fit_is_not_opened(make_app):
    clicks = tuple((float(x), 4.0, None) for x in (3, 9, 30))
    app = make_app(limits=Limits(max_objects=2), start_labels={"b.png": ImageLabels((96, 64), clicks=clicks)})
    tab = Tab(app)
    tab("hello")
    assert "the limit of this app is 2" in tab("open", index=1)["error"]
    # The former image stays open as a whole, and nothing of the other is lost.
    assert len(tab("click", x=30, y=20)["changed"]) == 1 and len(app.labels["a.png"].objects) == 1
    assert app.labels["b.png"].clicks == clicks


def test_a_place_is_free_when_its_user_has_gone(make_app):
    now = [0.0]
    app = make_app(users=Users(1, away_after=10, clock=lambda: now[0]))
    gone, new = Tab(app), Tab(app)
    gone("hello")
    gone("click", x=30, y=20)
    assert "full" in new("hello")["error"]
    now[0] = 11.0
    assert new("hello")["image"]["name"] == "a.png" and len(new("open", index=0)["objects"]) == 1


def test_an_action_on_another_image_is_not_carried_out(make_app):
    app = make_app()
    tab = Tab(app)
    tab("hello")
    tab("open", index=2)
    restarted = make_app()
    tab.app = restarted
    assert tab("encode") == {}  # nobody has asked for it
    answer = tab("click", x=30, y=20)
    assert answer["message"].startswith("Your place was given to somebody else, or the app was restarted")
    assert answer["image"]["name"] == "a.png" and "changed" not in answer and len(restarted.labels) == 0


def test_a_second_press_before_the_answer(tab):
    tab("click", x=30, y=20)
    tab("next")
    # The page still showed the first image.
    tab.image = "a.png"
    assert tab("encode") == {}
    answer = tab("next")
    assert answer["message"] == "The page has moved on; the action was not carried out."
    assert answer["image"]["name"] == "b.png" and not tab.app.labels.is_finished("b.png")


def test_a_bug_is_not_taken_for_a_foreign_request(tab, monkeypatch, caplog):
    monkeypatch.setattr("pointwssis.app.image_labeling.Labeling.click", Mock(side_effect=KeyError("a bug")))
    with pytest.raises(KeyError, match="a bug"):
        tab("click", x=30, y=20)
    assert "the action click has met a bug" in caplog.text and "Traceback" in caplog.text
    monkeypatch.undo()
    assert len(tab("click", x=30, y=20)["changed"]) == 1


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "hello",
        {"key": "x"},
        {"key": "", "action": "hello"},
        {"key": "x" * 100, "action": "hello"},
        {"key": 7, "action": "hello"},
        {"key": "x", "action": "format_disk"},
        {"key": "x", "action": "click", "x": 1},
        {"key": "x", "action": "click", "x": "one", "y": 1},
        {"key": "x", "action": "click", "x": 1, "y": None},
        {"key": "x", "action": "open", "index": "../../etc/passwd"},
        {"key": "x", "action": "hello", "extra": 1},
        {"key": "x", "action": "hello", "app": 1},
        {"key": "x", "action": "click", "x": True, "y": 1},
        {"key": "x", "action": "click", "x": 10**400, "y": 1},
        {"key": "x", "action": "finish", "is_finished": "no"},
        {"key": "x", "action": "drop", "name": 7, "content": ""},
        {"key": "x", "action": "load", "name": None, "content": ""},
        {"key": "x", "action": "open", "index": 0.5},
        {"key": ["x"], "action": "hello"},
        {"key": "x", "action": ["hello"]},
    ],
)
def test_foreign_requests(make_app, request_):
    app = make_app()
    act(app, {"key": "x", "action": "hello"})
    assert "does not understand this request" in act(app, request_)["error"]


def test_values_out_of_range(tab):
    assert "outside the image" in tab("click", x=1e9, y=0)["error"]
    assert "There are 3 images; number 4 does not exist" in tab("open", index=3)["error"]
    assert "does not exist" in tab("open", index=-1)["error"]
    assert "between 0 and 1" in tab("find_all", threshold=2)["error"]
    assert "between 0 and 1" in tab("reject", limit=-1)["error"]
    assert "no class 'unicorn'" in tab("click", x=1, y=1, label="unicorn")["error"]
    assert "no format 'pascal'" in tab("download", format="pascal")["error"]


def test_without_images(make_app):
    tab = Tab(make_app(shown=[]))
    answer = tab("hello")
    assert answer["images"] == 0 and "image" not in answer
    assert tab("click", x=1, y=1)["error"] == tab("undo")["error"] == "Open an image first."
    assert tab("next")["message"] == "All other images are finished or open elsewhere."
    assert "open the images first" in tab("load", name="x.csv", content="")["error"]
    assert tab("drop", name="x.png", content=sent(png()))["image"]["name"] == "x.png"


@pytest.mark.parametrize("format", ["coco", "label_studio", "cvat", "csv"])
def test_labels_go_out_and_come_back(make_app, images, tmp_path, format):
    tab = Tab(make_app())
    tab("hello")
    tab("click", x=30.25, y=20, label=tiny.NAMES[1])
    tab("click", x=60, y=40)
    tab("next")
    tab("open", index=2)
    tab("click", x=5, y=6)
    file = tab("download", format=format)["file"]
    # The package's readers take the file.
    path = tmp_path / file["name"]
    path.write_text(file["text"])
    rows = load_annotations(path, images[0].source.parent, class_names=tiny.NAMES)
    by_name = {row["file_name"]: row for row in rows}
    assert set(by_name) == {"a.png", "sub/c.png"} and class_names(rows) == tiny.NAMES
    assert by_name["a.png"]["complete"] and not by_name["sub/c.png"]["complete"]
    assert len(by_name["a.png"]["objects"]) == 2
    saved = tab.app.labels["a.png"].objects
    assert [item["category"] for item in by_name["a.png"]["objects"]] == [
        tiny.NAMES.index(item.label) for item in saved
    ]
    # And so does the app.
    tab("open", index=0)
    tab("remove", id=1)
    answer = tab("load", name=file["name"], content=base64.b64encode(file["text"].encode()).decode())
    assert "error" not in answer and answer["image"]["name"] == "a.png"
    loaded = tab.app.labels["a.png"].objects
    assert [item.mask for item in loaded] == [item.mask for item in saved]
    assert [item.label for item in loaded] == [item.label for item in saved]
    assert answer["message"] == "Loaded the labels of 2 images." + (
        " 2 clicks of the file became masks." if format == "csv" else ""
    )
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json", "labels/sub/c.png.json"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "image,x,y,label\nz.png,3,4,circle\n", "x.csv: line 2.*not found below the images of the app"),
        ("x.csv", "image,x,y,label\na.png,3,4,unicorn\n", "unicorn"),
        ("x.csv", "image,x,y,label\na.png,300,4,circle\n", "x.csv: line 2"),
        ("x.json", "{", "x.json"),
        ("x.json", "[]", "x.json"),
        ("x.txt", "hello", "x.txt: line 1 is 'hello': unknown annotation format"),
        ("../../x.csv", "image,x,y\n../../../etc/passwd,3,4\n", "image"),
    ],
)
def test_labels_that_are_refused(tab, tmp_path, name, text, message):
    tab("click", x=30, y=20)
    before = tab.app.labels["a.png"]
    error = tab("load", name=name, content=base64.b64encode(text.encode()).decode())["error"]
    assert re.search(message, error) and "loading-" not in error
    assert tab.app.labels["a.png"] == before and written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json"}


@pytest.mark.parametrize(
    "name", ["..", "a/..", "", "x" * 300 + ".png", "ä" * 110, "x." + "y" * 300, "a\0.png", "\ud800.png"]
)
def test_file_names_that_cannot_be_used(make_app, name):
    tab = Tab(make_app())
    tab("hello")
    text = f"image,x,y,label\na.png,3,4,{tiny.NAMES[0]}\n"
    assert "cannot be used; rename the file" in tab("drop", name=name, content=sent(png()))["error"]
    assert "cannot be used; rename the file" in tab("load", name=name, content=sent(text.encode()))["error"]
    # Later files are not affected.
    assert "error" not in tab("load", name="x.csv", content=sent(text.encode()))


def test_a_full_disk_while_labels_are_loaded(tab, monkeypatch, tmp_path):
    monkeypatch.setattr("pointwssis.app.label_exchange._place", Mock(side_effect=OSError(28, "No space left")))
    error = tab("load", name="x.csv", content=sent(b"image,x,y,label\na.png,3,4,\n"))["error"]
    assert error == "x.csv cannot be read (the disk is full); nothing was changed."


def test_loaded_labels_are_unfinished_and_nothing_vanishes_silently(tab):
    square = {"segmentation": [[2, 2, 20, 2, 20, 20, 2, 20]], "bbox": [2, 2, 18, 18], "area": 324, "iscrowd": 0}
    size = {"width": 96, "height": 64}
    labels = [
        {**square, "id": 1, "image_id": 1, "category_id": 1},
        {"id": 2, "image_id": 2, "category_id": 1, "bbox": [2, 2, 18, 18], "area": 324, "iscrowd": 0},
        {**square, "id": 3, "image_id": 2, "category_id": 1, "iscrowd": 1, "segmentation": CROWD},
    ]
    file = {
        "images": [{"id": 1, "file_name": "a.png", **size}, {"id": 2, "file_name": "b.png", **size}],
        "annotations": labels,
        "categories": [{"id": 1, "name": tiny.NAMES[0]}],
    }
    answer = tab("load", name="x.json", content=sent(json.dumps(file).encode()))
    assert answer["message"].startswith("Loaded the labels of 2 images. Left out 2 objects: the app takes masks")
    assert len(answer["objects"]) == 1 and answer["finished_images"] == 0
    assert tab("next")["image"]["name"] == "b.png"


def test_loaded_clicks_on_background_are_rejected(tab):
    tab("reject", limit=0.0)
    text = base64.b64encode(b"image,x,y,label\na.png,3,4,\na.png,30,20,\n").decode()
    answer = tab("load", name="x.csv", content=text)
    assert len(answer["objects"]) < 2 and "image" in answer


def test_labels_to_start_with(make_app):
    mask = encode_mask(np.eye(64, 96, dtype=bool))
    start = {"a.png": ImageLabels((96, 64), (LabeledObject(1, tiny.NAMES[0], mask, is_loaded=True),))}
    tab = Tab(make_app(start_labels=start))
    assert [item["label"] for item in tab("hello")["objects"]] == [tiny.NAMES[0]]
    tab("remove", id=1)
    # What was saved wins over what the app started with.
    assert Tab(make_app(start_labels=start))("hello")["objects"] == []


def test_saved_labels_that_do_not_fit(make_app, tab, tmp_path):
    tab("click", x=30, y=20)
    path = tmp_path / "out" / "labels" / "a.png.json"
    whole = path.read_text()
    path.write_text(whole[:50])
    with pytest.raises(UserError, match="a.png.json: is damaged"):
        make_app()
    label = tab.app.labels["a.png"].objects[0].label
    path.write_text(whole.replace(f'"{label}"', '"unicorn"'))
    with pytest.raises(UserError, match="the class 'unicorn', which the model does not know"):
        make_app()


def test_labels_of_other_images(make_app, tab, tmp_path, images):
    tab("click", x=30, y=20)
    other = tmp_path / "others" / "a.png"
    other.parent.mkdir()
    other.write_bytes(png(40, 30))
    with pytest.raises(UserError, match=r"labels of the images in .*images, not in .*others; use another --output_dir"):
        make_app(shown=[WorkImage("a.png", other)])
    # An image that was replaced has another size.
    images[0].source.write_bytes(other.read_bytes())
    error = Tab(make_app())("open", index=0)["error"]
    assert "a.png has 40 × 30 pixels, but its labels are those of an image of 96 × 64" in error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "a.png cannot be saved (the disk is full); nothing was changed"),
        (PermissionError(13, "Permission denied"), "a.png cannot be saved (Permission denied)"),
    ],
)
def test_labels_that_cannot_be_saved_change_nothing(tab, monkeypatch, tmp_path, error, message):
    tab("click", x=30, y=20)
    tab("click", x=50, y=20)

    def fail(*_):
        raise error

    monkeypatch.setattr("pointwssis.app.label_store.os.replace", fail)
    for action, values in [("click", {"x": 60, "y": 20}), ("undo", {}), ("remove", {"id": 1})]:
        refused = tab(action, **values)["error"]
        assert message in refused and str(tmp_path) not in refused
    monkeypatch.undo()
    assert [item["id"] for item in tab("hello")["objects"]] == [1, 2]
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json"}


def test_the_way_back_is_that_of_saved_changes(tab, monkeypatch):
    tab("click", x=30, y=20)
    with monkeypatch.context() as patch:
        patch.setattr("pointwssis.app.label_store.replace_file", Mock(side_effect=OSError(28, "No space left")))
        tab("click", x=60, y=20)
        tab("undo")
    assert tab("undo")["removed"] == [1]
    assert tab("undo") == {"message": "There is nothing to undo."}


def test_three_hundred_objects(tab):
    points = [(x, y) for x in range(2, 94, 4) for y in range(2, 62, 4)][:300]
    for x, y in points:
        assert "error" not in tab("click", x=x, y=y)
    answer = tab("hello")
    assert len(answer["objects"]) == 300 and [item["point"] for item in answer["objects"]] == points
    assert len(json.loads(tab("download", format="coco")["file"]["text"])["annotations"]) == 300
