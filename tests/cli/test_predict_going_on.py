# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict` after an image that cannot be read, a kill, or a change: what is finished is kept."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from helpers import tiny
from helpers.predictions import clicks, files_of, predict
from pointwssis.cli import predict as command
from pointwssis.cli.main import main
from pointwssis.ops.folder_lock import FolderInUseError


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


def test_a_second_process_is_refused(models, damaged, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "out"

    def held(path):
        raise FolderInUseError(f"{path}: is in use")

    monkeypatch.setattr("pointwssis.ops.folder_lock.holding_folder", held)
    assert main(["predict", str(models / "student"), str(damaged), "--output_dir", str(folder)]) == 1
    assert capsys.readouterr().err == f"pointwssis predict: {folder}: is in use\n"


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
