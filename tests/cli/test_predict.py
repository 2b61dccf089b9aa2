# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import csv
import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import tiny
from pointwssis.cli import predict as command
from pointwssis.cli.main import main
from pointwssis.cli.predict import output_names
from pointwssis.cli.prediction_files import CSV_COLUMNS
from pointwssis.data import load_coco
from pointwssis.ops import bf16_speed
from pointwssis.ops.coco_masks import decode_rle
from pointwssis.ops.whole_files import write_folder
from pointwssis.pipelines import inputs


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.saved_segmenter(folder / "student", max_detections=12)
    tiny.saved_refiner(folder / "refiner")
    return folder


@pytest.fixture
def images(tmp_path) -> Path:
    """Return two folders with an image of the same name, and one more."""
    folder = tmp_path / "images"
    for index, (name, size) in enumerate({"one/a.png": (40, 60), "two/a.png": (60, 40), "two/b.JPG": (64, 64)}.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(*size, seed=index).save(folder / name)
    (folder / "two" / "notes.txt").write_text("no image")
    return folder


def predict(models: Path, folder: Path, *words: str) -> tuple[dict, list[dict]]:
    """Return the content of the JSON and of the CSV."""
    assert main(["predict", str(models / "student"), *words, "--output_dir", str(folder)]) == 0
    with (folder / "instances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return json.loads((folder / "instances.json").read_text()), rows


@pytest.mark.parametrize(("batch_size", "suffix"), [("1", "png"), ("4", "tiff")])
def test_what_a_folder_of_images_becomes(models, images, tmp_path, batch_size, suffix):
    out = tmp_path / "out"
    options = ["--threshold", "0", "--batch_size", batch_size, "--label_format", suffix]
    content, rows = predict(models, out, str(images), *options)
    assert [image["file_name"] for image in content["images"]] == ["one/a.png", "two/a.png", "two/b.JPG"]
    assert len(rows) == len(content["annotations"]) > 3 and tuple(rows[0]) == CSV_COLUMNS
    assert {row["class"] for row in rows} <= set(tiny.NAMES)
    assert sorted(path.name for path in (out / "labels").iterdir()) == [f"{n}.{suffix}" for n in ("a", "a_2", "b")]
    assert sorted(path.name for path in (out / "overlays").iterdir()) == ["a.png", "a_2.png", "b.png"]
    for row, annotation in zip(rows, content["annotations"], strict=True):
        mask = decode_rle(annotation["segmentation"])
        assert float(row["area"]) == annotation["area"] == mask.sum()
        assert [float(row[name]) for name in ("x_min", "y_min", "width", "height")] == annotation["bbox"]
        if mask.any():
            y, x = np.nonzero(mask)
            assert [float(row["center_x"]), float(row["center_y"])] == pytest.approx([x.mean(), y.mean()])
        assert float(row["score"]) == pytest.approx(annotation["score"], abs=1e-4)


def test_the_label_image_numbers_the_instances_best_on_top(models, images, tmp_path):
    out = tmp_path / "out"
    content, _ = predict(models, out, str(images / "two"), "--threshold", "0")
    for image, name in zip(content["images"], ("a", "b"), strict=True):
        own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        scores = [annotation["score"] for annotation in own]
        assert scores == sorted(scores, reverse=True)
        labels = np.asarray(Image.open(out / "labels" / f"{name}.png"))
        assert labels.shape == (image["height"], image["width"]) and labels.dtype in (np.uint16, np.int32)
        masks = np.stack([decode_rle(annotation["segmentation"]) for annotation in own])
        assert (labels == np.where(masks.any(0), masks.argmax(0) + 1, 0)).all()
        overlay = Image.open(out / "overlays" / f"{name}.png")
        assert overlay.width / overlay.height == image["width"] / image["height"]  # small images are enlarged


def test_the_json_loads_as_a_dataset(models, images, tmp_path):
    content, rows = predict(models, tmp_path / "out", str(images), "--threshold", "0")
    dataset = load_coco(tmp_path / "out" / "instances.json", images)
    assert [row["file_name"] for row in dataset] == ["one/a.png", "two/a.png", "two/b.JPG"]
    assert sum(len(row["objects"]) for row in dataset) == len(rows)


def test_names_in_the_json_are_below_the_folder_that_all_paths_share(models, images, tmp_path):
    content, _ = predict(models, tmp_path / "out", str(images / "two" / "b.JPG"), str(images / "one"))
    assert [image["file_name"] for image in content["images"]] == ["two/b.JPG", "one/a.png"]
    assert len(load_coco(tmp_path / "out" / "instances.json", images)) == 2
    alone, _ = predict(models, tmp_path / "alone", str(images / "two" / "b.JPG"))
    assert [image["file_name"] for image in alone["images"]] == ["b.JPG"]


def test_results_inside_the_folder_of_the_images_are_no_images(models, images, capsys):
    (images / "._a.png").write_bytes(b"of an archive made on a Mac")
    for _ in range(2):
        content, _ = predict(models, images / "out", str(images))
        assert [image["file_name"] for image in content["images"]] == ["one/a.png", "two/a.png", "two/b.JPG"]


@pytest.mark.parametrize("name", ["instances.json", "labels/a.png"])
def test_a_folder_in_the_place_of_a_result_is_one_line(models, images, tmp_path, capsys, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    words = [str(models / "student"), str(images / "one"), "--output_dir", str(tmp_path / "out")]
    assert main(["predict", *words]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == f"pointwssis predict: {tmp_path / 'out' / name}: a folder is in the place of a file; move it away"


def test_nothing_found_is_no_error(models, images, tmp_path, capsys):
    content, rows = predict(models, tmp_path / "out", str(images), "--threshold", "1")
    assert rows == [] and content["annotations"] == [] and len(content["images"]) == 3
    assert "0 instances in 3 images" in capsys.readouterr().out
    assert np.asarray(Image.open(tmp_path / "out" / "labels" / "a.png")).max() == 0


def clicks(folder: Path, text: str) -> str:
    (folder / "clicks.csv").write_text(text, encoding="utf-8")
    return str(folder / "clicks.csv")


def test_clicks_give_one_instance_each(models, images, tmp_path):
    text = "\ufeffimage,x,y,label\none/a.png,3,4,star\nb.JPG,5.5,6,\none/a.png,59,39,ellipse\n"
    points = ["--points", clicks(tmp_path, text)]
    content, rows = predict(models, tmp_path / "out", str(images), *points)
    assert [row["class"] for row in rows[:2]] == ["star", "ellipse"]
    assert [annotation["point"] for annotation in content["annotations"]] == [[3, 4], [59, 39], [5.5, 6]]
    refined, _ = predict(models, tmp_path / "fine", str(images), *points, "--refiner", str(models / "refiner"))
    masks = [[a["segmentation"]["counts"] for a in part["annotations"]] for part in (content, refined)]
    assert len(masks[1]) == 3 and masks[0] != masks[1]
    again = load_coco(tmp_path / "fine" / "instances.json", images)
    assert [item["point"] for row in again for item in row["objects"]] == [[3, 4], [59, 39], [5.5, 6]]


def test_tiles(models, images, tmp_path):
    """Tiles are another view of the image, and belong to the settings of unfinished results."""
    points = ["--points", clicks(tmp_path, "image,x,y,label\none/a.png,3,4,star\nb.JPG,60,60,\n")]
    whole, _ = predict(models, tmp_path / "whole", str(images), *points)
    tiled, rows = predict(models, tmp_path / "tiles", str(images), *points, "--tile_size", "32")
    assert [annotation["point"] for annotation in tiled["annotations"]] == [[3, 4], [60, 60]]
    # The mask of a click stays in its tile, the last one of the image.
    assert rows[1]["image"].endswith("two/b.JPG") and float(rows[1]["x_min"]) >= 32 and whole != tiled
    without, _ = predict(models, tmp_path / "without", str(images), "--tile_size", "32", "--threshold", "0")
    assert len(without["images"]) == 3 and without["annotations"]


@pytest.mark.parametrize("num_workers", ["1", "2"])
def test_processes_that_read_ahead_change_nothing(models, images, tmp_path, num_workers):
    points = ["--points", clicks(tmp_path, "image,x,y,label\none/a.png,3,4,star\nb.JPG,5.5,6,\n")]
    options = [str(images), *points, "--refiner", str(models / "refiner"), "--batch_size", "1"]
    plain = predict(models, tmp_path / "plain", *options)
    assert predict(models, tmp_path / "ahead", *options, "--num_workers", num_workers) == plain


def test_dtypes(models, images, tmp_path, monkeypatch):
    points = ["--points", clicks(tmp_path, "image,x,y,label\none/a.png,30,20,star\nb.JPG,5.5,6,star\n")]
    for is_faster in (True, False):
        monkeypatch.setattr(bf16_speed, "bf16_infers_faster", lambda device, is_faster=is_faster: is_faster)
        found = {}
        for dtype in ("float32", "bfloat16", "auto"):
            found[dtype] = predict(models, tmp_path / dtype, str(images), *points, "--dtype", dtype)
        # The default is float32 whatever is faster; "auto" takes what is faster.
        assert predict(models, tmp_path / "default", str(images), *points) == found["float32"]
        assert found["auto"] == found["bfloat16" if is_faster else "float32"]
        assert found["float32"] != found["bfloat16"]
        scores = [[float(row["score"]) for row in found[dtype][1]] for dtype in ("float32", "bfloat16")]
        assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_a_click_that_finds_nothing_stays_in_both_tables(tmp_path, images):
    model, processor = tiny.segmenter()
    model.model.instance_head.kernel_head.weight.data.zero_()
    model.model.instance_head.kernel_head.bias.data.fill_(-1)  # every mask is empty
    tiny.saved(tmp_path / "student", (model, processor))
    points = ["--points", clicks(tmp_path, "image,x,y\nb.JPG,5,6\n")]
    content, rows = predict(tmp_path, tmp_path / "out", str(images), *points)
    assert [(row["area"], row["center_x"], row["score"]) for row in rows] == [("0", "", "0.0")]
    again = load_coco(tmp_path / "out" / "instances.json", images)
    assert [item["point"] for row in again for item in row["objects"]] == [[5, 6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,x\na.png,3\n", "clicks.csv: line 1: columns ['y'] are missing in 'image, x'"),
        ("", "clicks.csv: the file is empty"),
        ("image,x,y\nb.JPG,3,4\nc.png,3,4\n", "clicks.csv: line 3: image is 'c.png': image is not among those given"),
        ("image,x,y\na.png,3,4\n", "line 2: image is 'a.png': several images match; it may be "),
        ("image,x,y\nb.JPG,three,4\n", "line 2 (b.JPG): x is 'three': x is not a finite number"),
        ("image,x,y\nb.JPG,3\n", "line 2: line is 'b.JPG,3': 2 cells; the first line names 3 columns"),
        ("image,x,y\nb.JPG,nan,4\n", "line 2 (b.JPG): x is 'nan'"),
        ("image,x,y\nb.JPG,3,65\n", "line 2 (b.JPG): x, y is [3.0, 65.0]: point outside of the image"),
        ("image,x,y\none/a.png,-1,4\n", "0 ≤ x < 60 and 0 ≤ y < 40"),
        ("image,x,y\none/a.png,30,50\n", "y 50 lies outside the height 40, but fits the width: are x and y swapped?"),
        ("image,x,y,label\nb.JPG,3,4,Stars\n", "clicks.csv: ['Stars'] are not among the classes"),
        ("image,x,y,label\nb.JPG,3,4,Stars\n", "did you mean 'Stars' → 'star'?"),
        ("image,x,y,label\nb.JPG,,,star\n", "label without a click; give x and y"),
    ],
)
def test_wrong_clicks_name_file_and_line(models, images, tmp_path, capsys, text, message):
    words = ["predict", str(models / "student"), str(images), "--points", clicks(tmp_path, text)]
    assert main([*words, "--output_dir", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and "Traceback" not in captured.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{models}/student", "nowhere.png"], "nowhere.png: no such image or folder"),
        (["{models}/student", "{images}", "--threshold", "1.5"], "--threshold is 1.5; it must be between 0 and 1"),
        (["{models}/student", "{images}", "--threshold", "nan"], "--threshold is nan; it must be between 0 and 1"),
        (["{models}/student", "{images}", "--batch_size", "0"], "--batch_size is 0; it must be at least 1"),
        (["{models}/student", "{images}", "--tile_size", "0"], "--tile_size is 0; it must be at least 1 pixel"),
        (["{models}/student", "{images}", "--num_workers", "-1"], "--num_workers is -1; it must be at least 0"),
        (["{models}/student", "{images}", "--refiner", "{models}/refiner"], "give the clicks with --points"),
        (["/nowhere", "{images}"], "/nowhere: neither a model folder nor a model on the Hub (no such folder)"),
        (["{models}/student", "{empty}"], "holds no image"),
        (["{models}/refiner", "{images}"], "is a mask_refine_net model; MODEL must be a SOLOv2"),
        (["{models}/student", "{broken}"], "broken.png: "),
        (["{models}/student", "{images}", "{broken}", "--num_workers", "1"], "broken.png: "),
        (
            ["{models}/student", "{images}", "--points", "nowhere.csv"],
            "nowhere.csv: annotation file not found; give the path of a table of clicks",
        ),
        (["{models}", "{images}"], ": neither a model folder nor a model on the Hub (Unrecognized model"),
    ],
)
def test_wrong_input_is_one_line(models, images, tmp_path, capsys, words, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no image")
    places = {"models": models, "images": images, "empty": tmp_path / "empty", "broken": tmp_path / "broken.png"}
    assert main(["predict", *(word.format(**places) for word in words), "--output_dir", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and "Traceback" not in captured.err and "DataLoader" not in captured.err


@pytest.fixture
def damaged(tmp_path) -> Path:
    """Return a folder of six images, the fourth of which is cut off."""
    folder = tmp_path / "six"
    folder.mkdir()
    for index in range(6):
        tiny.picture(40, 60, seed=index).save(folder / f"{index}.png")
    content = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(content[: len(content) // 2])
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("batch_size", "num_workers"), [("1", "0"), ("4", "0"), ("3", "2")])
def test_an_unreadable_image_loses_no_other(models, damaged, tmp_path, capsys, batch_size, num_workers):
    out = tmp_path / "out"
    words = ["predict", str(models / "student"), str(damaged), "--threshold", "0", "--batch_size", batch_size]
    words += ["--num_workers", num_workers, "--output_dir", str(out)]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert f"{damaged / '3.png'}: cannot be decoded" in error and error.count("\n") == 1
    assert f"3 of 6 images finished: {out / command.JOURNAL}, labels" in error and "--skip_bad" in error
    # What is finished is there, and nothing stands half-written under a final name.
    lines = (out / command.JOURNAL).read_text().splitlines()
    assert [json.loads(line)["file_name"] for line in lines[1:]] == ["0.png", "1.png", "2.png"]
    assert sorted(path.name for path in (out / "labels").iterdir()) == ["0.png", "1.png", "2.png"]
    assert not (out / "instances.json").exists() and not (out / "instances.csv").exists()
    # Going on without the image gives what a single start gives.
    assert main([*words, "--skip_bad"]) == 0
    captured = capsys.readouterr()
    assert "3 images of 6 finished before; going on" in captured.out and "in 5 images" in captured.out
    assert "1 image skipped:\n" in captured.err and f"{damaged / '3.png'}: cannot be decoded" in captured.err
    assert main([*words[:-1], str(tmp_path / "once"), "--skip_bad"]) == 0
    assert "finished before" not in capsys.readouterr().out
    assert files_of(out) == files_of(tmp_path / "once") and len(files_of(out)) == 2 + 2 * 5


def test_a_repaired_image_is_segmented_and_the_rest_is_kept(models, damaged, tmp_path, monkeypatch, capsys):
    words = ["predict", str(models / "student"), str(damaged), "--output_dir", str(tmp_path / "out")]
    assert main(words) == 1
    tiny.picture(40, 60, seed=3).save(damaged / "3.png")
    drawn, draw = [], command.write_pictures
    monkeypatch.setattr(command, "write_pictures", lambda *given: [drawn.append(given[3]), draw(*given)])
    assert main(words) == 0 and drawn == ["3", "4", "5"]
    assert "in 6 images" in capsys.readouterr().out
    # After the last image, nothing is left to go on with.
    assert not (tmp_path / "out" / command.JOURNAL).exists()
    assert main(words) == 0 and drawn[3:] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("cut", [True, False])
def test_results_of_other_settings_or_files_are_not_mixed(models, damaged, tmp_path, monkeypatch, capsys, cut):
    words = ["predict", str(models / "student"), str(damaged), "--output_dir", str(tmp_path / "out")]
    assert main(words) == 1
    drawn, draw = [], command.write_pictures
    monkeypatch.setattr(command, "write_pictures", lambda *given: [drawn.append(given[3]), draw(*given)])
    # Other settings replace everything.
    assert main([*words, "--threshold", "0.1"]) == 1 and drawn == ["0", "1", "2"]
    assert "these settings have changed: threshold\n" in capsys.readouterr().out
    # A line that is cut off, or an image that has changed, is done again, with all that follows.
    journal = tmp_path / "out" / command.JOURNAL
    if cut:
        journal.write_bytes(journal.read_bytes()[:-2])
    else:
        tiny.picture(40, 50, seed=9).save(damaged / "1.png")
    drawn.clear()
    assert main([*words, "--threshold", "0.1", "--skip_bad"]) == 0
    assert drawn == (["2", "4", "5"] if cut else ["1", "2", "4", "5"])


def test_a_killed_command_goes_on(models, images, tmp_path, capsys):
    class Killed(BaseException):
        pass

    replace = os.replace

    def replace_until(name: str, old: Path, new: Path) -> None:
        if new.name == name:
            raise Killed
        replace(old, new)

    words = ["predict", str(models / "student"), str(images), "--threshold", "0", "--output_dir", str(tmp_path / "out")]
    # While the picture of the second image, the JSON file, and the table are written
    for place, name in [(0, "a_2.png"), (1, "instances.json"), (2, "instances.csv")]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", partial(replace_until, name))
            with pytest.raises(Killed):
                main(words)
        written = files_of(tmp_path / "out")
        assert name not in {Path(path).name for path in written} and command.JOURNAL in written
        assert ("instances.json" in written) == (place == 2)
    assert main(words) == 0 and "3 images of 3 finished before" in capsys.readouterr().out
    assert main([*words[:-1], str(tmp_path / "once")]) == 0
    assert files_of(tmp_path / "out") == files_of(tmp_path / "once")


def test_bad_lines_of_the_clicks_are_left_out_on_request(models, damaged, tmp_path, capsys):
    text = "image,x,y,label\n0.png,3,4,star\n3.png,3,4,star\n1.png,99,4,star\n1.png,5,4,star\n"
    words = [str(damaged), "--points", clicks(tmp_path, text), "--skip_bad"]
    content, rows = predict(models, tmp_path / "out", *words)
    assert [annotation["point"] for annotation in content["annotations"]] == [[3, 4], [5, 4]]
    assert len(content["images"]) == 5 and "1 image skipped" in capsys.readouterr().err


def test_each_image_is_decoded_once(models, images, tmp_path, monkeypatch):
    decoded, decode = [], inputs.read_image
    monkeypatch.setattr(inputs, "read_image", lambda source: [decoded.append(source), decode(source)][1])
    opened, load = [], Image.open
    monkeypatch.setattr(Image, "open", lambda *given, **named: [opened.append(given), load(*given, **named)][1])
    predict(models, tmp_path / "out", str(images))
    assert len(decoded) == len(opened) == 3


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", lambda content: content[: len(content) // 2]),
        ("model.safetensors", lambda content: b""),
        ("config.json", lambda content: content[:100]),
        ("config.json", lambda content: content.replace(b'"depths"', b'"depths": 7, "other"')),
        ("preprocessor_config.json", lambda content: b"\xff" + content),
    ],
)
def test_the_damaged_file_of_a_model_is_named(models, images, tmp_path, capsys, file, content):
    folder = tmp_path / "model"
    shutil.copytree(models / "student", folder)
    (folder / file).write_bytes(content((folder / file).read_bytes()))
    assert main(["predict", str(folder), str(images), "--output_dir", str(tmp_path / "out")]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pointwssis")]
    assert str(folder) in line and "copy the model again, or train it anew" in line
    assert file in line or file == "config.json"  # valid JSON with an impossible value


def test_changed_weights_of_a_run_are_not_taken(models, images, tmp_path, capsys):
    folder = tmp_path / "model"
    write_folder(folder, lambda unfinished: shutil.copytree(models / "student", unfinished, dirs_exist_ok=True))
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert main(["predict", str(folder), str(images), "--output_dir", str(tmp_path / "out")]) == 1
    assert f"{weights}: cannot be loaded (it is not as it was written)" in capsys.readouterr().err


def test_outputs_never_share_a_name():
    files = [Path(name) for name in ("a.png", "x/a.png", "y/a.jpg", "a_2.png", "b.png")]
    assert len(set(output_names(files))) == 5


# -- COCO's evaluation server


@pytest.fixture
def image_info(tmp_path, images) -> Path:
    """Return a list of two of the three images; ids of images and categories have gaps, as in COCO."""
    listed = [{"id": 581929, "file_name": "b.JPG"}, {"id": 17, "file_name": "a.png"}]
    categories = [{"id": 90 - 7 * index, "name": name} for index, name in enumerate(["person", *tiny.NAMES])]
    path = tmp_path / "image_info_test-dev2017.json"
    path.write_text(json.dumps({"images": listed, "categories": categories}))
    return path


def test_a_submission_holds_every_detection_under_the_ids_of_the_server(models, images, image_info, tmp_path):
    out = tmp_path / "out"
    words = [str(models / "student"), str(images / "two"), "--output_dir", str(out)]
    assert main(["predict", *words, "--test_dev", str(image_info)]) == 0
    assert [path.name for path in out.iterdir()] == ["detections_test-dev2017_pointwssis_results.json"]
    records = json.loads(next(out.iterdir()).read_text())
    plain, _ = predict(models, tmp_path / "plain", str(images / "two"), "--threshold", "0")
    names = {category["id"]: category["name"] for category in json.loads(image_info.read_text())["categories"]}
    files = {581929: "b.JPG", 17: "a.png"}
    expected = {image["id"]: image["file_name"] for image in plain["images"]}
    classes = {category["id"]: category["name"] for category in plain["categories"]}
    found = sorted((files[r["image_id"]], names[r["category_id"]], r["score"]) for r in records)
    wanted = [(expected[a["image_id"]], classes[a["category_id"]], a["score"]) for a in plain["annotations"]]
    assert found == sorted(wanted) and len(found) > 3
    assert all(set(record["segmentation"]) == {"size", "counts"} for record in records)


def test_what_a_submission_refuses(models, images, image_info, tmp_path, capsys):
    words = ["predict", str(models / "student"), str(images / "one"), "--output_dir", str(tmp_path / "out")]
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "1 of 2 images were not found, such as b.JPG" in capsys.readouterr().err
    assert main([*words, "--test_dev", str(image_info), "--refiner", "general"]) == 1
    assert "--test_dev takes no --points and no --refiner" in capsys.readouterr().err
    content = json.loads(image_info.read_text())
    image_info.write_text(json.dumps({**content, "categories": content["categories"][:2]}))
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "has no category" in capsys.readouterr().err
    image_info.write_text("[]")
    assert main([*words, "--test_dev", str(image_info)]) == 1
    assert "not a list of images in COCO's format" in capsys.readouterr().err
    assert main([*words, "--test_dev", str(tmp_path / "nowhere.json")]) == 1
    assert "expected image_info_test-dev2017.json" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes")
def test_names_of_files_that_are_not_utf8(models, images, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (images / "one" / "a.png").rename(images / "one" / name)
    (images / "one" / "folder.png").mkdir()  # is not an image
    content, rows = predict(models, tmp_path / "out", str(images / "one"), "--threshold", "0")
    assert [image["file_name"] for image in content["images"]] == [name]
    assert rows and all(row["image"].endswith(r"caf\udce9.png") for row in rows)
