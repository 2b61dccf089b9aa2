# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from transformers import pipeline

from helpers import tiny
from helpers.answers import assert_same


@pytest.fixture
def runs(pipe, refine):
    """Return a list that records the names of the networks that run."""
    counted = []
    networks = {"backbone": pipe.model.model.backbone, "heads": pipe.model.model, "refiner": refine.model}
    hooks = [
        network.register_forward_hook(lambda *_, name=name: counted.append(name)) for name, network in networks.items()
    ]
    yield counted
    for hook in hooks:
        hook.remove()


def test_encoding_once_equals_one_shot(pipe):
    image = tiny.picture(50, 70)
    session = pipe.encode(image)
    for points, labels in (([(3, 4)], None), ([(60, 40), (3, 4)], ["star", None]), ([], None), (None, None)):
        once = pipe(image, points=points, labels=labels)
        assert_same(session(points=points, labels=labels), once)


def test_fifty_clicks_cost_one_run_and_equal_one_call(pipe, runs):
    image = tiny.picture(50, 70)
    points = (np.random.default_rng(0).random((50, 2)) * (70, 50)).tolist()
    labels = [("star", None, 1)[index % 3] for index in range(50)]
    session = pipe.encode(image)
    clicks = [session(points=[p], labels=[name])[0] for p, name in zip(points, labels, strict=True)]
    assert runs == ["backbone", "heads"]
    assert_same(clicks, session(points=points, labels=labels))
    assert_same(clicks, pipe(image, points=points, labels=labels))
    assert runs == ["backbone", "heads"] * 2
    assert [click["point"] for click in clicks] == points


def test_a_refiner_runs_once_a_call_and_only_on_crops(pipe, refine, runs):
    session = pipe.encode(tiny.picture())
    first = session(points=[(3, 4)], refiner=refine)
    assert runs == ["backbone", "heads", "refiner"] and "rough_mask" in first[0]
    session(points=[(3, 4), (8, 9)], refiner=refine)
    assert runs == ["backbone", "heads", "refiner", "refiner"]
    session(points=[], refiner=refine)
    assert len(runs) == 4


def test_a_repository_of_a_refiner_is_loaded_once(pipe, folder, monkeypatch):
    from pointwssis.pipelines import point_instance_segmentation as module

    loaded, load = [], module.as_refiner
    monkeypatch.setattr(module, "as_refiner", lambda *given: loaded.append(given[0]) or load(*given))
    monkeypatch.setattr(pipe, "_loaded_refiners", {})
    session, refiner = pipe.encode(tiny.picture()), str(folder / "refiner")
    clicks = [session(points=[(3, 4)], refiner=refiner)[0]["mask"] for _ in range(3)]
    assert loaded.count(refiner) == 1 and len({mask.tobytes() for mask in clicks}) == 1


def test_settings_of_the_pipeline_are_those_of_its_sessions(folder):
    made = pipeline(
        "point-instance-segmentation",
        model=str(folder / "teacher"),
        device="cpu",
        mask_format="rle",
        top_k=2,
        refiner=str(folder / "refiner"),
    )
    once = made(tiny.picture(), points=[(3, 4)])
    (click,) = made.encode(tiny.picture())(points=[(3, 4)])
    assert click["mask"] == once[0]["mask"] and click["rough_mask"] == once[0]["rough_mask"]
    assert click["alternatives"] == [{**one, "score": pytest.approx(one["score"])} for one in once[0]["alternatives"]]
    assert "rough_mask" in once[0] and "counts" in once[0]["mask"] and len(once[0]["alternatives"]) == 2
    changed = made.encode(tiny.picture())(points=[(3, 4)], mask_format="pil", top_k=1)
    assert changed[0]["mask"].mode == "L" and len(changed[0]["alternatives"]) == 1


def test_several_sessions_stay_apart(pipe):
    images = [tiny.picture(seed=1), tiny.picture(40, 90, seed=2)]
    sessions = [pipe.encode(image) for image in images]
    for session, image in zip(sessions, images, strict=True):
        assert_same(session(points=[(30, 20)]), pipe(image, points=[(30, 20)]), pixels=0)


def test_bad_clicks(pipe, tmp_path):
    tiny.picture().save(tmp_path / "a.png")
    session = pipe.encode(str(tmp_path / "a.png"))
    with pytest.raises(ValueError, match=r"point 0 of .*a\.png is \(99, 4\), outside the image of 64 × 64"):
        session(points=[(99, 4)])
    with pytest.raises(ValueError, match="did you mean 'star'"):
        session(points=[(3, 4)], labels=["start"])
    with pytest.raises(TypeError, match="foo"):
        session(points=[(3, 4)], foo=1)
    with pytest.raises(ValueError, match="labels are given without points"):
        session(labels=["star"])
    with pytest.raises(ValueError, match="tile_size has no effect on an image that is encoded already"):
        session(points=[(3, 4)], tile_size=32)
    with pytest.raises(ValueError, match="encode takes one image"):
        pipe.encode([tiny.picture()])
