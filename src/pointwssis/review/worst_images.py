# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images in the order of what a correction of their labels would bring."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..pseudo_labeling.doubt import LabelDoubt, worst_first

DOUBTFUL_FRACTION = 0.1  # of all labels, the worst ones, which count as doubtful


@dataclass(frozen=True)
class ImageDoubt:
    """The doubt about the labels of one image.

    Args:
        row: position of the image in the labels.
        labels: its pseudo labels, the most doubtful first.
        doubtful: number of them that are among the most doubtful tenth of all labels.
    """

    row: int
    labels: Sequence[LabelDoubt]
    doubtful: int

    @property
    def total(self) -> float:
        """The sum of the doubts, an estimate of how many masks are wrong."""
        return sum(label.doubt for label in self.labels)


def worst_images(doubts: Sequence[LabelDoubt]) -> list[ImageDoubt]:
    """Return the images of some labels, those with the most doubtful labels first, then by the sum of their doubts.

    An image brings most where many of its labels are wrong: looking through it costs the same for one or for ten.
    """
    ranked = worst_first(doubts)
    count = max(1, round(DOUBTFUL_FRACTION * len(ranked)))
    by_row, doubtful = defaultdict(list), defaultdict(int)
    for place, label in enumerate(ranked):
        by_row[label.row].append(label)
        doubtful[label.row] += place < count
    images = [ImageDoubt(row, labels, doubtful[row]) for row, labels in sorted(by_row.items())]
    return sorted(images, key=lambda image: (-image.doubtful, -image.total))
