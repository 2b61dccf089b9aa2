# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis review`, and the way of corrected labels back into a run."""

import csv
import json

import pytest
from PIL import Image

from helpers import tiny
from helpers.doubtful_labels import SIZE, label, row
from helpers.exported_files import accept_exported
from pointwssis.cli.main import main
from pointwssis.data import load_annotations, load_coco_folder, to_coco
from pointwssis.ops.whole_files import is_whole_folder
from pointwssis.review.review_files import FILES_TO_CORRECT, write_review
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import save_rows, stored_rows

STAGES = ["teacher", "rough", "pseudo", "student"]


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    """Return the output folder of a run with points on five of eight images."""
    folder = tmp_path_factory.mktemp("run") / "first"
    Run(tiny.recipe(folder, data_dir=str(shapes), labeled_fraction=0.4, stages=STAGES, max_steps=1)).run()
    return folder


@pytest.mark.parametrize("format", ["label_studio", "cvat", "coco"])
def test_a_review_ranks_everything_and_exports_the_worst(shapes, run, tmp_path, capsys, format):
    folder = tmp_path / "review"
    assert main(["review", str(run), "--output_dir", str(folder), "--images", "2", "--format", format]) == 0
    printed = capsys.readouterr().out
    labels, images = (list(csv.DictReader((folder / f"{name}.csv").open())) for name in ("labels", "images"))
    pseudo = stored_rows(run / "pseudo" / "rough")
    assert len(labels) == sum(len(objects) for objects in pseudo["objects"]) and len(images) == 5
    doubts = [float(line["doubt"]) for line in labels]
    assert doubts == sorted(doubts, reverse=True) and {line["reason"] for line in labels}
    # The most doubtful labels are in the first image, and the tables agree.
    of_first = [line for line in labels if line["image"] == images[0]["image"]]
    assert images[0]["worst"] == of_first[0]["reason"] and int(images[0]["labels"]) == len(of_first)
    with Image.open(folder / "worst_labels.png") as sheet:
        assert sheet.width > 600
    # What is exported is loaded again, and holds the worst images.
    path = next(path for path in folder.iterdir() if path.name in ("to_correct.json", "to_correct.xml"))
    assert f"{path}: 2 images" in printed and f"pointwssis run {run} --corrections" in printed
    accept_exported(path, format)
    back = load_annotations(path, shapes / "images")
    assert sorted(back["file_name"]) == sorted(line["image"] for line in images[:2])
    # What was exported may be in work.
    assert main(["review", str(run), "--output_dir", str(folder)]) == 1
    assert f"{folder}: exists already, perhaps with corrections" in capsys.readouterr().err


def test_an_interrupted_review_leaves_nothing_and_may_run_again(run, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pointwssis.review.review_files.export_annotations", fail)
        with pytest.raises(KeyboardInterrupt):
            write_review(run, tmp_path / "review", "coco", 1)
    assert not list(tmp_path.iterdir())
    assert write_review(run, tmp_path / "review", "coco", 1).to_correct.is_file()
    assert is_whole_folder(tmp_path / "review")


def test_tools_may_sort_by_the_scores(run, tmp_path):
    assert main(["review", str(run), "--output_dir", str(tmp_path / "r"), "--format", "coco", "--images", "1"]) == 0
    content = json.loads((tmp_path / "r" / "to_correct.json").read_text())
    doubts = {line["object"]: float(line["doubt"]) for line in csv.DictReader((tmp_path / "r" / "labels.csv").open())}
    for item in content["annotations"]:
        assert item["score"] == pytest.approx(1 - doubts[str(item["id"])], abs=1e-3)


@pytest.mark.parametrize("format", sorted(FILES_TO_CORRECT))
def test_a_corrected_image_is_complete(make, tmp_path, format):
    """Before, perhaps only some of its objects were clicked; a person has added the others."""
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "1.png")
    half_clicked = {**row(1, label(1)), "image": str(tmp_path / "1.png"), "complete": False}
    save_rows(make(half_clicked), tmp_path / "run" / "pseudo" / "rough")
    review = write_review(tmp_path / "run", tmp_path / "review", format, 1)
    accept_exported(review.to_correct, format)
    (back,) = load_annotations(review.to_correct, tmp_path)
    assert back["complete"] and len(back["objects"]) == 1


def test_corrected_images_are_full_and_the_run_goes_on(shapes, run, tmp_path, trainings, capsys):
    review, file = tmp_path / "review", tmp_path / "corrected.json"
    assert main(["review", str(run), "--output_dir", str(review), "--format", "coco", "--images", "2"]) == 0
    # The annotator draws the true masks of both images.
    names = {line["image"] for line in list(csv.DictReader((review / "images.csv").open()))[:2]}
    truth = load_coco_folder(shapes)["train"].filter(lambda row: row["file_name"] in names)
    file.write_text(json.dumps(to_coco(truth)))
    second = tmp_path / "second"
    assert main(["run", str(run), "--corrections", str(file), "--output_dir", str(second)]) == 0
    assert "5 images with masks, 3 with points" in capsys.readouterr().out
    # Only a student is trained, from the earlier one, which has labeled the other images.
    assert trainings == ["student_point"]
    recipe = Recipe.load(second / "recipe.yaml")
    student = str(run / "student_point")
    assert recipe.corrections == [str(file)] and recipe.stages == ["rough", "pseudo", "student"]
    assert recipe.teacher_name_or_path == recipe.student_name_or_path == student
    assert not names & set(stored_rows(second / "pseudo" / "rough")["file_name"])
    # A third run takes both corrections.
    third = ["run", str(second), "--corrections", str(file), "--output_dir", str(tmp_path / "third"), "--dry_run"]
    assert main(third) == 0
    assert "5 images with masks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "to go on from it, give --corrections: pointwssis run "),
        (["--corrections", "a.json"], "to go on from it, give --output_dir"),
        (["--corrections", "a.json", "--output_dir", "RUN"], "the run to go on from; give another folder"),
        (["--corrections", "gone.json", "--output_dir", "new"], "gone.json: annotation file not found"),
    ],
)
def test_a_run_cannot_go_on_without_what_it_needs(run, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(run), *(str(run) if word == "RUN" else word for word in words)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_run_without_student_or_labels_is_refused(shapes, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    tiny.recipe_file(tmp_path / "run" / "recipe.yaml", data_dir=str(shapes))
    assert main(["run", str(tmp_path / "run"), "--corrections", "a.json", "--output_dir", "new"]) == 1
    assert "holds no student to go on from" in capsys.readouterr().err
    assert main(["review", str(tmp_path / "run")]) == 1
    assert "holds no pseudo labels; give the output folder of a run whose stage" in capsys.readouterr().err
    assert main(["review", str(tmp_path / "gone")]) == 1
    assert "gone: no such folder" in capsys.readouterr().err
    assert main(["review", str(tmp_path / "run"), "--format", "cvat", "--image_prefix", "x"]) == 1
    assert "--image_prefix applies to label_studio" in capsys.readouterr().err
