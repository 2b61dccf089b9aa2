# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Clicks on one image, corrections, and the way back; the network is the tiny one, or a drawn answer."""

import numpy as np
import pytest

from helpers import tiny
from helpers.labeling_app import SIZE
from pointwssis.app.image_labeling import BackgroundClickError, Labeling
from pointwssis.app.labeled_object import LabeledObject
from pointwssis.ops.rle import decode_rle, encode_mask
from pointwssis.ops.user_error import UserError

WIDTH, HEIGHT = SIZE


def box(x0: int, x1: int) -> dict:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10:30, x0:x1] = True
    return encode_mask(mask)


class Drawn:
    """An encoded image on which everything left of x = 40 is a cat, and the rest is a dog.

    Args:
        shared: True if a click in the cat gives the mask of both.
    """

    def __init__(self, shared: bool = False):
        self.calls, self.shared = [], shared

    def __call__(self, points=None, labels=None, threshold=0.0, mask_format="rle"):
        self.calls.append((points, labels))
        animals = [("cat", box(10, 40), 0.9), ("dog", box(40, 60), 0.5)]
        if points is None:
            return [{"label": n, "mask": m, "score": s} for n, m, s in animals if s >= threshold]
        labels = labels or [None] * len(points)
        return [self._at(animals, point, label) for point, label in zip(points, labels, strict=True)]

    def _at(self, animals, point, label):
        x, y = point
        name, mask, score = animals[x >= 40]
        mask = box(10, 60) if self.shared and x < 40 else mask
        background = 0.1 if 10 <= y < 30 else 0.95
        values = {"label": label or name, "mask": mask, "score": score, "level": 1, "point": (x, y)}
        return {**values, "background_score": background}


def drawn(shared: bool = False, **options) -> Labeling:
    return Labeling(lambda: Drawn(shared), SIZE, ["cat", "dog"], **options)


def area(item) -> int:
    return int(decode_rle(item.mask).sum())


def test_the_network_runs_once_and_not_before_the_first_click(pipe):
    runs = []

    def encode():
        runs.append(1)
        return pipe.encode(tiny.picture(HEIGHT, WIDTH))

    labeling = Labeling(encode, SIZE, tiny.NAMES)
    assert not runs
    points = [(10.0, 10.0), (70.5, 50.2), (95.9, 63.9)]
    items = [labeling.click(point) for point in points]
    assert runs == [1] and [item.id for item in items] == [1, 2, 3] and [item.point for item in items] == points
    # The masks are those of the pipeline.
    expected = pipe(tiny.picture(HEIGHT, WIDTH), points=points, mask_format="rle")
    assert [item.mask for item in items] == [one["mask"] for one in expected]
    assert [item.label for item in items] == [one["label"] for one in expected]


def test_a_click_with_a_class():
    given, seen = (drawn().click((20, 20), label) for label in ("dog", None))
    assert (given.label, given.is_label_given) == ("dog", True)
    assert (seen.label, seen.is_label_given) == ("cat", False)


def test_a_moved_point_gets_another_mask():
    labeling = drawn()
    labeling.click((20, 20))
    moved = labeling.move(1, (50, 20))
    assert (moved.id, moved.label, moved.point) == (1, "dog", (50, 20)) and moved.mask == box(40, 60)
    # A class that a person has chosen stays.
    labeling.classify(1, "cat")
    assert labeling.move(1, (51, 20)).label == "cat"


def test_the_class_of_an_object():
    labeling = drawn()
    labeling.click((20, 20))
    assert labeling.classify(1, "dog").is_label_given
    assert not labeling.classify(1, None).is_label_given and labeling.object(1).label == "cat"
    with pytest.raises(UserError, match=r"no class 'cow'; it has cat, dog"):
        labeling.classify(1, "cow")
    # An object that was found keeps its mask; the model cannot name it without a click.
    labeling.find_all(0.0)
    assert labeling.classify(2, "cat").mask == box(40, 60)
    with pytest.raises(UserError, match="choose a class"):
        labeling.classify(2, None)


def test_a_negative_click_removes_the_other_object():
    labeling = drawn(shared=True)
    assert area(labeling.click((20, 20))) == 50 * 20
    erased = labeling.erase((50, 20))
    assert erased.mask == box(10, 40) and erased.erased == ((50, 20),)
    # It is repeated on the mask of a moved point.
    assert labeling.move(1, (25, 20)).mask == box(10, 40)


def test_a_changed_mask_is_no_longer_in_doubt():
    values = {"point": (20.0, 20.0), "is_label_given": True, "is_loaded": True, "doubt": "unusual size"}
    labeling = drawn(objects=[LabeledObject(1, "cat", box(10, 60), **values)])
    assert labeling.classify(1, "dog").doubt == "unusual size"
    assert labeling.erase((50, 20)).doubt is None
    labeling.undo()
    assert labeling.object(1).doubt == "unusual size"
    assert labeling.move(1, (25, 20)).doubt is None


def test_a_negative_click_acts_on_the_selected_or_the_smallest_mask():
    labeling = drawn(shared=True)
    labeling.click((20, 20))
    labeling.click((50, 20))
    assert labeling.erase((55, 20)).id == 2
    assert labeling.erase((45, 20), id=1).id == 1
    assert labeling.erase((12, 20), id=2).id == 1  # the selected mask does not reach the click
    with pytest.raises(UserError, match="no mask at this place"):
        labeling.erase((90, 60))


def test_a_negative_click_never_empties_a_mask():
    labeling = drawn()
    labeling.click((50, 60))  # beside its mask
    with pytest.raises(UserError, match="remove the object instead"):
        for x in (59, 55, 50, 45, 41):
            labeling.erase((x, 29), id=1)
    assert area(labeling.object(1)) > 0


def test_background_is_rejected_by_the_score():
    labeling = drawn()
    with pytest.raises(BackgroundClickError, match=r"no object here \(background score 0.95\)"):
        labeling.click((20, 50), background_limit=0.9)
    assert not labeling.objects and not labeling.can_undo
    assert labeling.click((20, 50), background_limit=0.96).background_score == 0.95


def test_many_clicks_are_one_call_of_the_network():
    network = Drawn()
    labeling = Labeling(lambda: network, SIZE, ["cat", "dog"], max_objects=3)
    items = labeling.click_all([(20, 20), (20, 50), (50, 20)], ["dog", None, None], background_limit=0.9)
    assert len(network.calls) == 1 and list(labeling.objects) == [1, 2]
    assert [(item.label, item.is_label_given, item.point) for item in items] == [
        ("dog", True, (20, 20)),
        ("dog", False, (50, 20)),
    ]
    labeling.undo()
    assert list(labeling.objects) == [1]
    with pytest.raises(UserError, match="would have 4 objects; the limit of this app is 3"):
        labeling.click_all([(20, 20)] * 3, [None] * 3)


def test_find_all_leaves_labeled_objects_alone():
    labeling = drawn()
    labeling.click((20, 20))
    assert [item.label for item in labeling.find_all(0.3)] == ["dog"]
    assert labeling.find_all(0.3) == [] and len(labeling.objects) == 2
    labeling.undo()
    assert list(labeling.objects) == [1]
    # A mask that holds a labeled object and much more is that object too.
    assert labeling.find_all(0.6) == []


def test_everything_can_be_undone():
    labeling = drawn(shared=True)
    states = [labeling.objects]
    for change in (
        lambda: labeling.click((20, 20)),
        lambda: labeling.erase((50, 20)),
        lambda: labeling.move(1, (22, 20)),
        lambda: labeling.classify(1, "dog"),
        lambda: labeling.find_all(0.0),
        lambda: labeling.remove(1),
    ):
        change()
        states.append(labeling.objects)
    assert len({str(state) for state in states}) == len(states)
    for state in reversed(states[:-1]):
        labeling.undo()
        assert labeling.objects == state
    assert not labeling.can_undo
    # A number is not used twice.
    assert labeling.click((20, 20)).id > 1


@pytest.mark.parametrize("point", [(-0.1, 5), (5, -1), (WIDTH, 5), (5, HEIGHT), (float("nan"), 5)])
def test_a_point_outside_is_refused(point):
    with pytest.raises(UserError, match="outside the image of 96 × 64 pixels"):
        drawn().click(point)


def test_the_number_of_objects_is_limited():
    labeling = drawn(max_objects=2)
    labeling.click((20, 20))
    labeling.click((21, 20))
    with pytest.raises(UserError, match="would have 3 objects; the limit of this app is 2"):
        labeling.click((22, 20))
    with pytest.raises(UserError, match="Object 7 is no longer there"):
        labeling.remove(7)
