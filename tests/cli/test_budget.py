# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis budget`."""

import re

import pytest

from pointwssis.cli.main import main
from pointwssis.data import load_coco_folder
from pointwssis.data.annotation_cost import annotation_cost, image_content


def budget(capsys, words: str) -> str:
    assert main(["budget", *words.split()]) == 0
    return capsys.readouterr().out


def numbers(text: str, title: str) -> list[str]:
    """Return the cells of a line of a table."""
    line = next(line for line in text.splitlines() if line.startswith(title))
    return line.removeprefix(title).split()


def test_the_papers_budget(capsys):
    printed = budget(capsys, "--images 118287 --full 0.1 --point 0.9")
    assert numbers(printed, "total") == ["118,287", "4,721.6", "196.73"]
    assert numbers(printed, "masks ")[-1] == "88.43" and numbers(printed, "points ")[-1] == "108.31"
    semi = budget(capsys, "--images 118287 --full 0.05")
    assert numbers(semi, "total")[-1] == "44.21" and numbers(semi, "none ") == ["112,373", "0.0", "0.0", "0.00"]


def test_all_images_with_one_kind_of_label(capsys):
    printed = budget(capsys, "--images 118287")
    days = {title: numbers(printed, title)[-1] for title in ("masks ", "boxes ", "points ", "image-level ")}
    assert days == {"masks ": "884.28", "boxes ": "174.56", "points ": "120.34", "image-level ": "109.53"}
    assert "labeling time per image: masks 645.9 s, boxes 127.5 s, points 87.9 s, image-level 80.0 s" in printed


def test_own_content_and_speed(capsys):
    printed = budget(capsys, "--images 10 --classes 1 --present 1 --objects 40 --mask_seconds 30 --full 1")
    assert "1 class; per image 1.0 classes and 40.0 objects on average\n" in printed
    assert numbers(printed, "masks ") == ["10", "1,200.0", "3.3", "0.14"]


def test_of_a_dataset(shapes, capsys):
    dataset = load_coco_folder(shapes)["train"]
    content, days = image_content(dataset), annotation_cost(dataset).days
    printed = budget(capsys, f"--dataset {shapes}")
    assert f"8 images, 4 classes; per image {content.classes_present:.1f} classes" in printed
    assert numbers(printed, "total")[-1] == f"{days:.2f}" and numbers(printed, "masks ")[0] == "8"
    mixed = budget(capsys, f"--dataset {shapes} --labeled_fraction 0.25")
    assert numbers(mixed, "masks ")[0] == "2" and numbers(mixed, "points ")[0] == "6"
    files = f"--dataset {shapes / 'annotations' / 'instances_train.json'} --image_dir {shapes / 'images'}"
    assert budget(capsys, files) == printed
    recipe = shapes.parent / "budget.yaml"
    recipe.write_text(f"data_dir: {shapes}\nlabeled_fraction: 0.25\n")
    assert budget(capsys, f"--dataset {recipe}") == mixed


def test_hours_buy_mixtures(capsys):
    printed = budget(capsys, "--images 1000 --hours 100 --masks 2000 --full 0.05")
    rows = [line.split() for line in printed.splitlines() if re.match(r"\s+[\d,]+\s", line)]
    cells = [[float(cell.replace(",", "")) for cell in row[:6]] for row in rows]
    assert all(full + point + none == 1000 and hours <= 100 for full, point, none, _, _, hours in cells)
    assert cells[0][0] == 0 and cells[-1][0] == 557 and sorted(cells) == cells
    marked = {line.partition("← ")[2]: row for line in printed.splitlines() if "←" in line for row in [line.split()]}
    assert marked["the most masks while every image has a label"][:3] == ["487", "513", "0"]
    assert marked["2,000 masks, as requested"][0] == "278"  # 7.2 objects per image
    assert marked["masks for 5% of the labeled images, as requested"][:2] == ["50", "950"]


def test_too_few_hours_for_all_images(capsys):
    printed = budget(capsys, "--images 118287 --hours 100")
    assert "Points for all images (118,287) would take 2,888.2 hours." in printed and "←" not in printed
    unlimited = budget(capsys, "--hours 100")
    assert "4,095" in unlimited and "Points for all" not in unlimited


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--full 0.1", "fractions of how many images? give --images or --dataset"),
        ("--images 10 --full 0.7 --point 0.4", "--full 0.7 + --point 0.4 is more than all images"),
        ("--images 10 --full 20", "--full is 20.0; it must be a fraction of the images, from 0 to 1"),
        ("--images 10 --classes 3", "--classes, --present and --objects require each other"),
        ("--images 10 --classes 3 --present 4 --objects 9", "4.0 of 3 classes are present"),
        ("--images 10 --mask_seconds -3", "mask is -3.0; it must be at least 0 seconds"),
        ("--images 10 --hours 0", "hours is 0.0; it must be above 0"),
        ("--images 10 --hours 1 --point 0.5", "with --hours, only --full FRACTION is accepted"),
        ("--images 10 --hours 1 --masks 0", "--masks is 0; it must be at least 1"),
        ("--images 999 --hours 1 --masks 900", "900 masks take more than 1 hour;"),
        ("--images -5", "--images is -5; it must be at least 1"),
        ("--images 10 --masks 5", "--masks requires --hours"),
        ("--images 10 --image_dir .", "--image_dir requires --dataset"),
        ("--images 10 --dataset nowhere", "--images and --dataset exclude each other"),
        ("--images 10 --imges 10", "unknown option --imges"),
        ("data/nuclei", "unexpected argument 'data/nuclei'; give data as --dataset data/nuclei"),
        (
            "--dataset nowhere",
            "nowhere: no such file or folder; expected a recipe (name or file), a folder in COCO's layout",
        ),
        ("--dataset src/pointwssis/data/demo_nuclei --nonsense 3", "there is no option --nonsense"),
    ],
)
def test_wrong_input_is_one_line(words, message, capsys):
    assert main(["budget", *words.split()]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pointwssis budget: ") and message in error and len(error.splitlines()) == 1
