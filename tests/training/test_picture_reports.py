# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pictures go to every open report that takes them, whether its package is installed here or not."""

import sys
from types import SimpleNamespace

import pytest
from PIL import Image
from transformers import PrinterCallback
from transformers.integrations import TensorBoardCallback, TrackioCallback, WandbCallback

from pointwssis.training.picture_reports import picture_reports, takes_pictures


def trainer_with(callback, is_first: bool = True) -> SimpleNamespace:
    handler = SimpleNamespace(callbacks=[PrinterCallback(), callback])
    return SimpleNamespace(callback_handler=handler, is_world_process_zero=lambda: is_first)


def opened(kind: type, **values) -> object:
    """Return a callback of transformers without its package."""
    callback = object.__new__(kind)
    vars(callback).update(values)
    return callback


@pytest.mark.parametrize(("kind", "name"), [(WandbCallback, "wandb"), (TrackioCallback, "trackio")])
def test_a_picture_lies_at_its_step_of_the_training(monkeypatch, kind, name):
    logged = []
    package = SimpleNamespace(log=logged.append, Image=lambda picture: ("picture", picture.size))
    monkeypatch.setitem(sys.modules, name, package)
    (report,) = picture_reports(trainer_with(opened(kind)))
    report("predictions", Image.new("RGB", (8, 6)), 7)
    assert logged == [{"predictions": ("picture", (8, 6)), "train/global_step": 7}]
    assert takes_pictures(trainer_with(opened(kind)))
    # One process reports for all.
    assert picture_reports(trainer_with(opened(kind), is_first=False)) == []


def test_without_such_a_report_there_is_nowhere_to_show_pictures():
    closed = trainer_with(opened(TensorBoardCallback, tb_writer=None))
    assert takes_pictures(closed) and picture_reports(closed) == []
    other = trainer_with(PrinterCallback())
    assert not takes_pictures(other) and picture_reports(other) == []
