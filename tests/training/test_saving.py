# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints: whole or not at all, by time, and before an interrupted training ends."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from helpers import tiny
from pointwssis.ops.interruption import TERMINATING, Interrupted
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.saving import last_whole_checkpoint, remove_checkpoints_after, saving_on_signals
from pointwssis.training.trainer import SegmentationTrainer

LOSSES = ("loss", "loss_mask", "loss_class")


def trainer(folder: Path, **options) -> SegmentationTrainer:
    """Return a trainer of a tiny SOLOv2 of five steps."""
    model, processor = tiny.segmenter()
    settings = {
        "max_steps": 5,
        "per_device_train_batch_size": 2,
        "warmup_steps": 1,
        "logging_steps": 3,
        "save_steps": 2,
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "save_total_limit": 2,
    }
    args = SegmentationTrainingArguments(str(folder), **{**settings, **options})
    rows = {"train_dataset": tiny.shapes(), "eval_dataset": tiny.shapes(2, seed=4)}
    return SegmentationTrainer(model, args, processing_class=processor, **rows)


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*"))


def stop_at(monkeypatch, made: SegmentationTrainer, step: int, act) -> None:
    """Call a function at the beginning of a training step."""
    original = made.training_step

    def training_step(*arguments, **options):
        if made.state.global_step == step:
            act()
        return original(*arguments, **options)

    monkeypatch.setattr(made, "training_step", training_step)


@pytest.fixture(autouse=True)
def handled():
    """Let signals end the process, although shells and `nohup` start programs in the background that ignore some."""
    former = {number: signal.signal(number, signal.SIG_DFL) for number in TERMINATING}
    former[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def test_an_ignored_signal_stays_ignored(tmp_path, monkeypatch):
    made = trainer(tmp_path)
    stop_at(monkeypatch, made, 1, lambda: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with saving_on_signals(made.save_in_time):
        made.train()
    assert made.state.global_step == made.args.max_steps
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGINT, *TERMINATING])
def test_a_signal_saves_a_checkpoint_and_losses_go_on_as_without_it(tmp_path, monkeypatch, number):
    whole = trainer(tmp_path / "whole")
    whole.train()
    handlers = [signal.getsignal(kind) for kind in (signal.SIGINT, *TERMINATING)]
    stopped = trainer(tmp_path / "stopped", save_steps=100)
    stop_at(monkeypatch, stopped, 1, lambda: os.kill(os.getpid(), number))
    with (
        pytest.raises(Interrupted, match="a checkpoint of step 2 was saved") as caught,
        saving_on_signals(stopped.save_in_time),
    ):
        stopped.train()
    assert caught.value.exit_code == 128 + number
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, *TERMINATING)] == handlers
    assert steps(tmp_path / "stopped") == [2]
    again = trainer(tmp_path / "stopped")
    again.train(resume_from_checkpoint=str(last_whole_checkpoint(tmp_path / "stopped")))
    assert tiny.same_weights(again.model.state_dict(), whole.model.state_dict())
    for name in LOSSES:
        logged = [[entry[name] for entry in made.state.log_history if name in entry] for made in (whole, again)]
        assert len(logged[0]) == 1 and logged[0] == logged[1]


def test_a_signal_ends_a_training_without_checkpoints(tmp_path, monkeypatch):
    made = trainer(tmp_path, save_strategy="no", save_minutes=1e-6)
    stop_at(monkeypatch, made, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted) as caught, saving_on_signals(made.save_in_time):
        made.train()
    assert caught.value.details == "no checkpoint was saved, since save_strategy is 'no'"
    assert made.state.global_step == 2 and steps(tmp_path) == []


def test_a_second_signal_stops_at_once(tmp_path, monkeypatch):
    made = trainer(tmp_path)

    def twice():
        # Each is handled before the next; two that are pending at once would be one.
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    stop_at(monkeypatch, made, 1, twice)
    with pytest.raises(KeyboardInterrupt) as caught, saving_on_signals(made.save_in_time):
        made.train()
    assert not isinstance(caught.value, Interrupted) and steps(tmp_path) == []


def test_other_threads_train_without_signals(tmp_path):
    made, errors = trainer(tmp_path, max_steps=1), []

    def train():
        try:
            with saving_on_signals(made.save_in_time):
                made.train()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert errors == [] and steps(tmp_path) == [1]


def test_a_clock_that_is_set_back_loses_no_checkpoint(tmp_path, monkeypatch):
    made = trainer(tmp_path, save_total_limit=1)
    stop_at(monkeypatch, made, 3, lambda: os.utime(tmp_path / "checkpoint-2", (9e9, 9e9)))
    made.train()
    assert steps(tmp_path) == [5]


def test_checkpoints_are_saved_by_time(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 200))
    monkeypatch.setattr("pointwssis.training.saving.time.monotonic", lambda: next(clock))
    trainer(tmp_path, save_steps=100, save_minutes=10, save_total_limit=9).train()
    assert len(steps(tmp_path)) > 1 and 5 in steps(tmp_path)
    with pytest.raises(ValueError, match="save_minutes is -1"):
        SegmentationTrainingArguments(str(tmp_path), save_minutes=-1, use_cpu=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Return the folder of a training with two checkpoints."""
    folder = tmp_path_factory.mktemp("trained")
    trainer(folder).train()
    return folder


def test_checkpoints_are_whole_and_older_ones_are_removed(trained):
    assert steps(trained) == [4, 5] and {path.name for path in trained.iterdir()} == {"checkpoint-4", "checkpoint-5"}
    assert last_whole_checkpoint(trained) == trained / "checkpoint-5"
    names = json.loads((trained / "checkpoint-5" / "manifest.json").read_text())["files"]
    assert {"model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json"} <= set(names)


@pytest.mark.parametrize("kind", ["cut", "emptied", "removed", "flipped"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(trained, tmp_path, caplog, kind):
    import shutil

    shutil.copytree(trained, tmp_path / "copy")
    path = tmp_path / "copy" / "checkpoint-5" / "optimizer.pt"
    content = path.read_bytes()
    if kind == "removed":
        path.unlink()
    else:
        halves = {"cut": content[:100], "emptied": b"", "flipped": content[:100] + b"?" + content[101:]}
        path.write_bytes(halves[kind])
    assert last_whole_checkpoint(tmp_path / "copy") == tmp_path / "copy" / "checkpoint-4"
    assert "checkpoint-5: incomplete or damaged; the training goes on from step 4" in caplog.text
    remove_checkpoints_after(tmp_path / "copy" / "checkpoint-4", tmp_path / "copy")
    assert steps(tmp_path / "copy") == [4]


def test_without_a_whole_checkpoint_the_training_starts_anew(tmp_path, caplog):
    assert last_whole_checkpoint(tmp_path / "missing") is None and caplog.text == ""
    (tmp_path / "checkpoint-7").mkdir()
    assert last_whole_checkpoint(tmp_path) is None
    assert "checkpoint-7: incomplete or damaged; there is no other checkpoint, so the training starts" in caplog.text


def test_a_checkpoint_that_cannot_be_saved_leaves_nothing(tmp_path, monkeypatch):
    made = trainer(tmp_path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made, "_save_rng_state", full)
    with pytest.raises(ValueError, match=r"checkpoint-2: the disk is full \(.* MB are free\)"):
        made.train()
    assert list(tmp_path.iterdir()) == []


def test_half_of_a_checkpoint_is_not_taken_over(tmp_path):
    left = tmp_path / "unfinished" / "checkpoint-2"
    left.mkdir(parents=True)
    for name in ("unfinished-manifest.json", "leftover.pt"):
        (left / name).write_text("half")
    trainer(tmp_path, max_steps=2).train()
    checkpoint = last_whole_checkpoint(tmp_path)
    assert checkpoint == tmp_path / "checkpoint-2" and not (checkpoint / "leftover.pt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_the_best_checkpoint_has_its_final_place(tmp_path):
    best = {"load_best_model_at_end": True, "metric_for_best_model": "AR100", "greater_is_better": True}
    made = trainer(tmp_path, eval_strategy="steps", eval_steps=2, max_steps=4, **best)
    made.train()
    best = Path(made.state.best_model_checkpoint)
    assert best.parent == tmp_path and best.is_dir()
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text())
    assert Path(state["best_model_checkpoint"]).parent == tmp_path
