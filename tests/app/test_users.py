# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Several people at work: their places, their images, and changes that meet."""

import itertools
import json

from helpers import tiny
from helpers.labeling_app import Tab, png, sent, written_files
from pointwssis.app.users import Users
from pointwssis.app.work_images import Limits


def test_two_people(make_app):
    app = make_app()
    first, second = Tab(app), Tab(app)
    assert first("hello")["image"]["name"] == "a.png" and second("hello")["image"]["name"] == "b.png"
    first("click", x=30, y=20)
    assert second("click", x=10, y=10)["changed"][0]["id"] == 1
    # Each sees the labels of the other, and is warned.
    answer = second("open", index=0)
    assert [item["point"] for item in answer["objects"]] == [(30, 20)]
    assert "Another tab or person has this image open" in answer["message"]
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
    first("load", name="x.csv", content=sent(text.encode()), replaces=True)
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


def test_a_place_is_free_when_its_user_has_gone(make_app):
    now = [0.0]
    app = make_app(users=Users(1, away_after=10, clock=lambda: now[0]))
    gone, new = Tab(app), Tab(app)
    gone("hello")
    gone("click", x=30, y=20)
    assert "full" in new("hello")["error"]
    now[0] = 11.0
    assert new("hello")["image"]["name"] == "a.png" and len(new("open", index=0)["objects"]) == 1


def test_what_people_have_dropped_goes_with_them(make_app):
    now = [0.0]
    app = make_app(users=Users(8, away_after=10, clock=lambda: now[0]))
    gone, other = Tab(app), Tab(app)
    gone("hello")
    gone("drop", name="x.png", content=sent(png()))
    now[0] = 11.0
    # Who comes back before anybody else is there keeps everything.
    assert gone("ping") == {} and len(gone("hello")["objects"]) == 0 and gone.image == "x.png"
    now[0] = 22.0
    other("hello")
    assert list(app.users._by_key) == [other.key]
    answer = gone("click", x=3, y=4)
    assert answer["message"].startswith("Your place was given to somebody else") and answer["images"] == 3


def test_nobody_is_forgotten_while_acting(make_app):
    # The clock goes on between any two looks at it.
    now = itertools.count()
    tab = Tab(make_app(users=Users(1, away_after=0, clock=lambda: next(now))))
    tab("hello")
    assert len(tab("click", x=30, y=20)["changed"]) == 1


def test_a_long_action_is_a_sign_of_life(make_app):
    now = [0.0]
    app = make_app(users=Users(1, away_after=10, clock=lambda: now[0]))
    Tab(app)("hello")
    (user,) = app.users._by_key.values()
    with user.lock:
        now[0] = 100.0
        assert "full" in Tab(app)("hello")["error"]
    assert "error" not in Tab(app)("hello")


def test_the_size_of_dropped_images_is_limited(make_app):
    size = len(png()) / 1e6
    tab = Tab(make_app(limits=Limits(max_dropped_megabytes=2.5 * size)))
    for _ in range(2):
        assert "error" not in tab("drop", name="x.png", content=sent(png()))
    assert (
        "You have dropped 2 images, as many as this app keeps"
        in tab("drop", name="x.png", content=sent(png()))["error"]
    )
