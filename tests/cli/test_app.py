# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis app`: its options, images and labels; the server is replaced where no browser is needed."""

import json
import runpy
import shutil
from pathlib import Path

import pytest

from helpers import tiny
from helpers.labeling_app import Tab, written_files
from helpers.paths import EXAMPLES
from pointwssis.app import web_page
from pointwssis.app.label_store import ImageLabels
from pointwssis.cli import app as command
from pointwssis.cli.main import main
from pointwssis.data import load_coco_folder
from pointwssis.data.schema import dataset_from_rows, make_object, masks_by_id
from pointwssis.runs.cache import cached
from pointwssis.runs.data import load_data

RECORD = {"labels/image_folders.txt"}  # beside the labels


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return tiny.saved_segmenter(tmp_path_factory.mktemp("model"))


@pytest.fixture
def images(tmp_path) -> Path:
    """Return a folder with two images."""
    folder = tmp_path / "images"
    for seed, name in enumerate(["a.png", "sub/b.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(64, 96, seed).save(folder / name)
    return folder


class Page:
    """A server that is stopped by Ctrl-C after a visitor has done something."""

    def close(self, verbose: bool) -> None:
        """Count for nothing."""


@pytest.fixture
def serve(monkeypatch, model, tmp_path, capsys):
    """Return a function that runs the command with a visitor, and returns what it prints."""

    def run(visit, *words: str) -> str:
        def launch(app, host, port):
            visit(app)
            return Page(), f"http://{host}:{port or 7860}/"

        def stop():
            raise KeyboardInterrupt

        monkeypatch.setattr(web_page, "check_gradio", lambda: None)
        monkeypatch.setattr(web_page, "launch", launch)
        monkeypatch.setattr(command, "wait_until_stopped", stop)
        code = main(["app", model, *words, "--output_dir", str(tmp_path / "out")])
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return run


def test_labels_are_written_when_the_app_stops(serve, images, tmp_path):
    def visit(app):
        tab = Tab(app)
        tab("hello")
        tab("click", x=30, y=20)

    printed = serve(visit, str(images), "--port", "7870")
    assert "open http://127.0.0.1:7870/ in a browser" in printed and "labels.json" in printed
    assert written_files(tmp_path / "out") == {*RECORD, "labels.json", "labels/a.png.json"}
    content = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["a.png"] and len(content["annotations"]) == 1
    # The same command goes on.
    seen = []
    serve(lambda app: seen.append(len(Tab(app)("hello")["objects"])), str(images))
    assert seen == [1]


def test_pseudo_labels_are_corrected(serve, shapes, tmp_path):
    rows = load_coco_folder(shapes)["train"]
    cached(tmp_path / "pseudo", rows, lambda rows: rows)

    def visit(app):
        answer = Tab(app)("hello")
        assert [image.name for image in app.images] == rows["file_name"]
        assert len(answer["objects"]) == len(rows[0]["objects"]) and answer["finished_images"] == 0
        assert [item["label"] for item in answer["objects"]] == [
            tiny.NAMES[item["category"]] for item in rows[0]["objects"]
        ]

    assert "labels.json" in serve(visit, "--labels", str(tmp_path / "pseudo"))


def test_images_elsewhere_of_one_name(serve, tmp_path):
    rows = []
    for number in (1, 2, 3):
        path = tmp_path / str(number) / "a.png"
        path.parent.mkdir()
        tiny.picture(64, 96, number).save(path)
        # The third one lies in the image folder, so it keeps its name.
        name = "a.png" if number == 3 else str(path)
        item = make_object(number, 0, point=[10 * number, 20])
        row = {"image": str(path), "image_id": number, "width": 96, "height": 64, "file_name": name, "complete": False}
        rows.append({**row, "image_labels": None, "objects": [item]})
    cached(tmp_path / "rows", dataset_from_rows(rows, tiny.NAMES), lambda rows: rows)

    def visit(app):
        assert [image.name for image in app.images] == ["a_2.png", "a_3.png", "a.png"]
        tab = Tab(app)
        assert [tab("open", index=index)["objects"][0]["point"] for index in range(3)] == [(10, 20), (20, 20), (30, 20)]

    assert "labels.json" in serve(visit, "--labels", str(tmp_path / "rows"))


def test_images_that_are_no_files(serve, tmp_path):
    cached(tmp_path / "pseudo", tiny.shapes(2), lambda rows: rows)
    assert "holds its images in its rows, and the app opens files" in serve(
        lambda app: None, "--labels", str(tmp_path / "pseudo")
    )


def test_labels_of_a_file(serve, images, tmp_path):
    (tmp_path / "clicks.csv").write_text(f"image,x,y,label\nsub/b.png,30,20,{tiny.NAMES[0]}\n")

    def visit(app):
        assert [image.name for image in app.images] == ["sub/b.png"]
        assert len(Tab(app)("hello")["objects"]) == 1

    assert "labels.json" in serve(visit, str(images), "--labels", str(tmp_path / "clicks.csv"))


def test_the_worst_pseudo_labels_come_first(serve, shapes, tmp_path):
    rows = load_coco_folder(shapes)["train"].select(range(4))
    scores = [0.9, None, 0.1, 0.8]  # the masks of the second image are annotated

    def scored(row, index):
        return {"objects": [{**item, "score": scores[index]} for item in row["objects"]]}

    cached(tmp_path / "pseudo", rows, lambda rows: rows.map(scored, with_indices=True, features=rows.features))
    names, seen, doubts = rows["file_name"], [], []

    def visit(app):
        seen.append([image.name for image in app.images])
        doubts.append([item["doubt"] for item in Tab(app)("hello")["objects"]])

    printed = serve(visit, "--labels", str(tmp_path / "pseudo"))
    assert seen[0][0] == names[2] and seen[0][-1] == names[1] and sorted(seen[0]) == sorted(names)
    assert "3 images with pseudo labels, those that need correction most first:" in printed
    assert f"  {names[2]}: " in printed and "the worst: doubt " in printed and "low score" in printed
    assert f"  {names[1]}: " not in printed
    # The page names the reason too, also after the app has been started again.
    serve(visit, "--labels", str(tmp_path / "pseudo"))
    assert "low score" in doubts[0] and doubts[1] == doubts[0]

    def finish(app):
        tab = Tab(app)
        tab("hello")
        tab("next")

    # A finished image needs no correction any more.
    serve(finish, "--labels", str(tmp_path / "pseudo"))
    printed = serve(visit, "--labels", str(tmp_path / "pseudo"))
    assert "2 images with pseudo labels" in printed and f"  {names[2]}: " not in printed


def test_confirmed_labels_of_an_unfinished_image_return_to_the_run(serve, shapes, tmp_path):
    options = {"data_dir": str(shapes), "labeled_fraction": 0.25}
    before = load_data(tiny.recipe(tmp_path / "run", **options))
    hidden = masks_by_id(before.train)

    def labeled(row):
        return {"objects": [{**item, "segmentation": hidden[item["id"]], "score": 0.5} for item in row["objects"]]}

    cached(tmp_path / "pseudo", before.point, lambda rows: rows.map(labeled, features=rows.features))
    names, confirmed = [], []

    def visit(app):
        tab = Tab(app)
        names.append(tab("hello")["image"]["name"])
        confirmed.append(tab("confirm", id=1)["changed"][0]["point"])

    serve(visit, "--labels", str(tmp_path / "pseudo"))
    after = load_data(tiny.recipe(tmp_path / "run", **options, corrections=str(tmp_path / "out" / "labels.json")))
    (row,) = (row for row in after.point if row["file_name"] == names[0])
    (clicks,) = (row["objects"] for row in before.point if row["file_name"] == names[0])
    (item,) = (item for item in row["objects"] if item["segmentation"] is not None)
    assert tuple(item["point"]) == tuple(confirmed[0]) and item["score"] is None
    # All other clicks are there once, and in no other image has anything changed.
    assert sorted(item["point"] for item in row["objects"]) == sorted(item["point"] for item in clicks)
    others = [[one for one in data.point if one["file_name"] != names[0]] for data in (before, after)]
    assert others[0] == others[1] and after.full["file_name"] == before.full["file_name"]


def test_limits_and_refiner_are_passed_on(serve, images):
    seen = []
    words = ["--max_users", "2", "--max_objects", "7", "--refiner", "general"]
    serve(seen.append, str(images), *words)
    (app,) = seen
    assert (app.limits.max_users, app.limits.max_objects, app.limits.max_megabytes) == (2, 7, 25)
    assert app.users.max_users == 2 and app.pipe.refiner is not None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max_users", "0"], "--max_users is 0; it must be positive"),
        (["missing"], "missing: no such image or folder"),
        (["--labels", "missing.csv"], "missing.csv: no such file or folder"),
        (["one", "two", "--labels", "x.csv"], "--labels takes one folder of images, got 2 paths"),
    ],
)
def test_wrong_options(serve, words, message):
    assert message in serve(lambda app: None, *words)


def test_saved_labels_are_checked_before_the_weights_are_loaded(serve, monkeypatch, images, tmp_path):
    serve(lambda app: Tab(app)("hello") and app.labels.save("a.png", ImageLabels((96, 64))), str(images))

    def load(options):
        raise AssertionError("the weights are loaded")

    monkeypatch.setattr(command, "load_pipeline", load)
    other = tmp_path / "other"
    shutil.copytree(images, other)
    error = serve(lambda app: None, str(other))
    assert f"holds labels of the images in {images}, not in {other}; use another --output_dir" in error
    (tmp_path / "out" / "labels" / "a.png.json").write_text("{")
    assert "a.png.json: is damaged" in serve(lambda app: None, str(images))
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").touch()
    assert "a file is in the place of this folder" in serve(lambda app: None, str(images))


def test_labels_of_other_classes(serve, images, tmp_path):
    (tmp_path / "clicks.csv").write_text("image,x,y,label\na.png,30,20,unicorn\n")
    printed = serve(lambda app: None, str(images), "--labels", str(tmp_path / "clicks.csv"))
    assert "the model does not know the class 'unicorn'" in printed


def test_more_labels_than_the_limit(serve, images, tmp_path):
    (tmp_path / "clicks.csv").write_text(f"image,x,y,label\na.png,30,20,{tiny.NAMES[0]}\na.png,50,20,\n")
    printed = serve(lambda app: None, str(images), "--labels", str(tmp_path / "clicks.csv"), "--max_objects", "1")
    assert "a.png has labels of 2 objects; the limit of this app is 1 per image (--max_objects)" in printed


def test_without_gradio(monkeypatch, model, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["app", model]) == 1
    assert capsys.readouterr().err == "pointwssis app: the app needs Gradio: pip install 'pointwssis[app]'\n"


def test_the_space_starts_the_same_app(serve, monkeypatch, model, tmp_path):
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL", model)
    monkeypatch.setenv("REFINER", "general")
    serve(lambda app: None)  # replaces the server
    monkeypatch.setattr(web_page, "launch", lambda app, host, port: (seen.append(app), (Page(), "x"))[1])
    runpy.run_path(str(EXAMPLES / "space" / "app.py"))
    assert seen[0].limits.max_megapixels == 12 and seen[0].images == [] and Path("labels").is_dir()
    header = (EXAMPLES / "space" / "README.md").read_text("utf-8").split("---")[1]
    assert "sdk: gradio" in header and "app_file: app.py" in header
