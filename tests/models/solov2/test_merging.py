# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import pytest
import torch

from pointwssis.models.solov2.frames_solov2 import Frame
from pointwssis.models.solov2.merging_solov2 import TileInstances, merge_tiles
from pointwssis.ops.tiles import tile_windows
from pointwssis.ops.windowed_masks import WindowedMask, stacked

SIZE = (64, 112)  # two tiles of 64 pixels, which overlap in the columns 48 … 63
WINDOWS = tile_windows(*SIZE, 64)


def tile(number: int, *instances: tuple[tuple[int, int, int, int], int, float]) -> TileInstances:
    """Return instances of a tile, given as (xyxy box in the image, label, score) and cut by the tile."""
    window = WINDOWS[number]
    masks = torch.zeros(len(instances), *SIZE, dtype=torch.bool)
    for mask, ((left, top, right, bottom), _, _) in zip(masks, instances, strict=True):
        mask[top:bottom, left:right] = True
    labels, scores = ([instance[column] for instance in instances] for column in (1, 2))
    frame = Frame(number, (64, 64), window, SIZE)
    windowed = [WindowedMask(mask[window.slices], window, SIZE) for mask in masks]
    return TileInstances(frame, windowed, torch.tensor(labels), torch.tensor(scores))


def merged(*parts: TileInstances, max_detections: int | None = 100) -> list[tuple[list[int], int, float]]:
    """Return (xyxy box, label, score) of the merged instances, each of which must be a rectangle."""
    found = []
    masks, labels, scores = merge_tiles(parts, SIZE, torch.device("cpu"), max_detections)
    masks = stacked(masks, SIZE, torch.device("cpu"))
    for mask, label, score in zip(masks, labels.tolist(), scores.tolist(), strict=True):
        rows, columns = mask.nonzero().unbind(dim=1)
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
        assert mask.sum() == (box[2] - box[0]) * (box[3] - box[1])
        found.append((box, label, round(score, 3)))
    return found


def test_a_cut_instance_loses_to_the_whole_one_of_its_neighbor():
    box = (50, 10, 75, 20)  # whole in the second tile only
    assert merged(tile(0, (box, 0, 0.9)), tile(1, (box, 0, 0.4))) == [([*box], 0, 0.4)]


def test_an_instance_that_both_tiles_show_whole_occurs_once_with_the_better_score():
    first, second = (50, 10, 60, 20), (50, 10, 60, 21)
    assert merged(tile(0, (first, 0, 0.5)), tile(1, (second, 0, 0.8))) == [([*second], 0, 0.8)]


def test_a_fragment_inside_a_better_instance_of_its_neighbor_is_dropped():
    whole, fragment = (40, 10, 60, 30), (52, 12, 58, 18)
    assert merged(tile(0, (whole, 0, 0.8)), tile(1, (fragment, 0, 0.5))) == [([*whole], 0, 0.8)]


def test_halves_of_an_object_larger_than_the_overlap_are_joined():
    box = (20, 10, 100, 40)
    assert merged(tile(0, (box, 0, 0.5)), tile(1, (box, 0, 0.8))) == [([*box], 0, 0.8)]


def test_other_classes_and_neighbors_stay():
    box, neighbor = (50, 10, 60, 20), (56, 19, 70, 29)
    parts = tile(0, (box, 0, 0.5)), tile(1, (box, 1, 0.8), (neighbor, 0, 0.6))
    assert [label for _, label, _ in merged(*parts)] == [1, 0, 0]
    # Instances of one tile are never compared: its own NMS has done that.
    assert len(merged(tile(0, (box, 0, 0.5), (box, 0, 0.4)), tile(1))) == 2


def test_the_best_are_kept_in_order():
    parts = tile(0, ((0, 0, 8, 8), 0, 0.3), ((20, 0, 28, 8), 0, 0.7)), tile(1, ((90, 0, 98, 8), 0, 0.5))
    assert [score for *_, score in merged(*parts)] == [0.7, 0.5, 0.3]
    assert [score for *_, score in merged(*parts, max_detections=2)] == [0.7, 0.5]
    assert len(merged(*parts, max_detections=None)) == 3
    assert merged(tile(0), tile(1)) == []


def test_the_middle_of_an_object_joins_the_parts_that_do_not_meet():
    """Three tiles show a long object, and the middle one has the lowest score."""
    size = (64, 160)
    box, parts = (10, 10, 150, 30), []
    for number, (window, score) in enumerate(zip(tile_windows(*size, 64), (0.9, 0.3, 0.8), strict=True)):
        mask = torch.zeros(size, dtype=torch.bool)
        mask[box[1] : box[3], box[0] : box[2]] = True
        frame = Frame(number, (64, 64), window, size)
        found = [WindowedMask(mask[window.slices], window, size)]
        parts.append(TileInstances(frame, found, torch.tensor([0]), torch.tensor([score])))
    (mask,), labels, scores = merge_tiles(parts, size, torch.device("cpu"), max_detections=100)
    assert labels.tolist() == [0] and scores.tolist() == [pytest.approx(0.9)]
    rows, columns = mask.dense().nonzero().unbind(dim=1)
    assert len(rows) == 140 * 20 and (columns.min(), columns.max()) == (10, 149)
