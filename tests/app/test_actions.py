# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Actions of the page and their answers, without a browser."""

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from helpers import tiny
from helpers.labeling_app import RECORD, Tab, png, sent, written_files
from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState
from pointwssis.app.work_images import Limits


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
        ("confirm", {"id": 1}),
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


def test_an_image_without_labels_is_finished_only_by_the_tick(tab):
    answer = tab("next")
    assert answer["image"]["name"] == "b.png" and answer["finished_images"] == 0
    assert answer["message"].startswith("a.png has no labels and stays unfinished; if it shows no object")
    tab("finish", is_finished=True)
    assert "message" not in tab("next")


def test_labels_in_doubt_that_nobody_changed_are_counted(tab):
    tab("click", x=30, y=20)
    labels = tab.app.labels["a.png"]
    doubtful = tuple(replace(item, doubt="low score") for item in labels.objects)
    tab.app.labels.save("a.png", replace(labels, objects=doubtful))
    tab("hello")
    assert tab("next")["message"] == "a.png is finished, with 1 label in doubt left as it was."


def test_a_label_in_doubt_that_is_right_is_confirmed(tab, make_app):
    tab("click", x=30, y=20)
    labels = tab.app.labels["a.png"]
    doubtful = tuple(replace(item, doubt="low score") for item in labels.objects)
    tab.app.labels.save("a.png", replace(labels, objects=doubtful))
    tab("hello")
    (item,) = tab("confirm", id=1)["changed"]
    assert (item["doubt"], item["score"], item["given"]) == (None, None, True)
    # It comes out of the app as a mask that was drawn by hand, before and after the image is finished.
    (annotation,) = json.loads(tab("download", format="coco")["file"]["text"])["annotations"]
    assert not {"score", "level", "rough_segmentation"} & set(annotation)
    (item,) = tab("undo")["changed"]
    assert item["doubt"] == "low score" and item["score"] is not None
    tab("confirm", id=1)
    assert Tab(make_app())("hello")["objects"][0]["doubt"] is None
    assert "message" not in tab("next")


def test_only_what_has_changed_is_sent(tab):
    tab("click", x=30, y=20)
    answer = tab("click", x=60, y=40)
    assert [item["id"] for item in answer["changed"]] == [2] and answer["removed"] == []
    assert tab("undo") == {"changed": [], "removed": [2]}
    assert tab("undo")["removed"] == [1]
    assert tab("undo") == {"message": "There is nothing to undo since this image was opened."}


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
    assert answer["message"].startswith("Another image is open by now, so the last action was not carried out")
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


def test_three_hundred_objects(tab):
    points = [(x, y) for x in range(2, 94, 4) for y in range(2, 62, 4)][:300]
    for x, y in points:
        assert "error" not in tab("click", x=x, y=y)
    answer = tab("hello")
    assert len(answer["objects"]) == 300 and [item["point"] for item in answer["objects"]] == points
    assert len(json.loads(tab("download", format="coco")["file"]["text"])["annotations"]) == 300
