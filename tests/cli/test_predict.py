# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict`: what images become, with clicks and without, and what is refused."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers.utils import logging as transformers_logging

from helpers import tiny
from helpers.predictions import clicks, predict
from pointwssis.cli.main import main
from pointwssis.cli.predict import JOURNAL, output_names
from pointwssis.cli.prediction_files import CSV_COLUMNS, OVERLAY_SIDE
from pointwssis.data import load_coco
from pointwssis.ops import bf16_speed
from pointwssis.ops.coco_masks import decode_rle
from pointwssis.ops.whole_files import write_folder
from pointwssis.pipelines import inputs

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


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


def test_loading_a_model_prints_no_bar(models, images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transformers_logging, "_tqdm_active", True)
    monkeypatch.setattr(transformers_logging, "_tqdm_hook", None)
    predict(models, tmp_path / "out", str(images / "one"))
    assert capsys.readouterr().err == ""


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
        assert overlay.width / overlay.height == image["width"] / image["height"]
        assert min(overlay.size) >= OVERLAY_SIDE  # small images are enlarged


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


def test_images_behind_links_and_images_named_twice(models, images, tmp_path):
    (images / "two").rename(tmp_path / "elsewhere")
    (images / "two").symlink_to(tmp_path / "elsewhere")
    words = [os.path.relpath(images), str(images / "one" / "a.png"), str(images / "two")]
    content, _ = predict(models, tmp_path / "out", *words)
    assert [image["file_name"] for image in content["images"]] == ["one/a.png", "two/a.png", "two/b.JPG"]


def test_names_as_long_as_the_disk_permits(models, images, tmp_path):
    name = "n" * 251
    (images / "one" / "a.png").rename(images / "one" / f"{name}.png")
    predict(models, tmp_path / "out", str(images / "one"))
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == [f"{name}.png"]


def test_a_file_in_the_place_of_the_output_folder(models, images, tmp_path, capsys):
    (tmp_path / "out").touch()
    words = [str(models / "student"), str(images), "--output_dir", str(tmp_path / "out" / "deeper")]
    assert main(["predict", *words]) == 1
    assert "deeper: a file is in the place of this folder" in capsys.readouterr().err


def test_a_disk_that_is_full_is_one_line_and_loses_no_finished_image(models, images, tmp_path, capsys, monkeypatch):
    out, words = tmp_path / "out", [str(models / "student"), str(images), "--threshold", "0"]
    save, saved = Image.Image.save, []

    def filling(self, path, *args, **kwargs):
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(path)
        save(self, path, *args, **kwargs)

    with monkeypatch.context() as full:
        full.setattr(Image.Image, "save", filling)
        assert main(["predict", *words, "--output_dir", str(out)]) == 1
    error = capsys.readouterr().err
    assert f"{out}: the disk is full (" in error and "MB are free" in error and error.count("\n") == 1
    assert len((out / JOURNAL).read_text().splitlines()) > 1  # the settings, and what is finished
    assert predict(models, out, str(images), "--threshold", "0") == predict(models, tmp_path / "other", *words[1:])


def test_nothing_found_is_no_error(models, images, tmp_path, capsys):
    content, rows = predict(models, tmp_path / "out", str(images), "--threshold", "1")
    assert rows == [] and content["annotations"] == [] and len(content["images"]) == 3
    assert "0 instances in 3 images" in capsys.readouterr().out
    assert np.asarray(Image.open(tmp_path / "out" / "labels" / "a.png")).max() == 0


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
        (
            ["{models}/student", "{images}", "--num_workers", "100000"],
            "--num_workers must be at most 1,024, got 100000",
        ),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(LFS), "cannot be loaded (only a pointer to a"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "(it lacks preprocessor_config.json)"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "pytorch_model.bin: cannot be loaded",
        ),
    ],
)
def test_model_folders_that_are_not_whole(models, images, tmp_path, capsys, change, message):
    folder = tmp_path / "model"
    shutil.copytree(models / "student", folder)
    change(folder)
    assert main(["predict", str(folder), str(images), "--output_dir", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and "http" not in error


def test_a_refiner_that_does_not_exist(models, images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    words = ["--points", clicks(tmp_path, "image,x,y\none/a.png,1,2\n"), "--refiner", "nobody/nothing"]
    words += ["--output_dir", str(tmp_path / "out")]
    assert main(["predict", str(models / "student"), str(images), *words]) == 1
    error = capsys.readouterr().err
    assert "pointwssis predict: nobody/nothing was not found" in error and "Traceback" not in error


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


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes")
def test_names_of_files_that_are_not_utf8(models, images, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (images / "one" / "a.png").rename(images / "one" / name)
    (images / "one" / "folder.png").mkdir()  # is not an image
    content, rows = predict(models, tmp_path / "out", str(images / "one"), "--threshold", "0")
    assert [image["file_name"] for image in content["images"]] == [name]
    assert rows and all(row["image"].endswith(r"caf\udce9.png") for row in rows)
