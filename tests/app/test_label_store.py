# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The autosave: files that are written whole, one after the other."""

import os
from concurrent.futures import ThreadPoolExecutor

from pointwssis.app.label_store import ImageLabels, LabelStore


def test_two_people_save_one_image_at_once(tmp_path):
    store = LabelStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(store.save, "a.png", ImageLabels((96, 64))) for _ in range(200)]
        assert [job.exception() for job in jobs if job.exception()] == []
    assert LabelStore(tmp_path, ["a.png"])["a.png"].size == (96, 64)


def test_labels_are_on_the_disk_before_they_replace_the_former_ones(tmp_path, monkeypatch):
    steps, fsync, replace = [], os.fsync, os.replace
    # Both are carried out, and noted.
    monkeypatch.setattr(os, "fsync", lambda *where: (steps.append("fsync"), fsync(*where)))
    monkeypatch.setattr(os, "replace", lambda *where: (steps.append("replace"), replace(*where)))
    LabelStore(None).save("a.png", ImageLabels((96, 64)))
    assert steps == []
    store = LabelStore(tmp_path)
    store.save("a.png", ImageLabels((96, 64)))
    steps.clear()
    store.save("a.png", ImageLabels((96, 64), is_finished=True))
    assert steps == ["fsync", "replace"]
