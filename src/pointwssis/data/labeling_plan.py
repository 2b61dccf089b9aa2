# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""For so many hours of labeling, how many images with masks and how many with points? Plain arithmetic: an image with
masks takes F seconds, one with points P (`labeling_seconds`), and each image gets one label at most.

Which mixture trains the best model is no arithmetic; the paper's tables 1 and 6 have measured examples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)  # of the time that go into masks, in the table of trade-offs


@dataclass(frozen=True)
class LabelMix:
    """A number of images of each kind of label, and what they take.

    Args:
        full: images with masks.
        point: images with points.
        none: images that are left without a label; None where the number of images is not limited.
        seconds: for all of them.
    """

    full: int
    point: int
    none: int | None
    seconds: float


def trade_offs(
    hours: float, seconds: Mapping[str, float], images: int | None = None, shares: Sequence[float] = SHARES
) -> list[LabelMix]:
    """What the same hours buy, from points alone to masks alone; what the masks leave goes into points.

    Args:
        hours: of labeling.
        seconds: an image takes with masks ("full") and with points ("point").
        images: how many there are; None: as many as anybody wants.
        shares: parts of the hours that go into masks.

    Returns:
        One mixture a share, with ascending masks, equal ones once.

    Example:
        >>> [(mix.full, mix.point, mix.none) for mix in trade_offs(10, {"full": 360, "point": 36}, 500, (0, 0.5, 1))]
        [(0, 500, 0), (50, 450, 0), (100, 0, 400)]
    """
    available = _available(hours, seconds)
    mixes = [
        mix_with_masks(int(share * available / seconds["full"] + 1e-9), hours, seconds, images) for share in shares
    ]
    return sorted({mix for mix in mixes if mix is not None}, key=lambda mix: (mix.full, mix.point))


def mix_with_masks(full: int, hours: float, seconds: Mapping[str, float], images: int | None = None) -> LabelMix | None:
    """So many images with masks, and points on as many others as the hours leave; None where the masks take more than
    the hours. More images than there are do not get masks.
    """
    full = full if images is None else min(full, images)
    left = _available(hours, seconds) - full * seconds["full"]
    if left < -1e-6:
        return None
    point = int(max(left, 0) / seconds["point"] + 1e-9)
    point = point if images is None else min(point, images - full)
    none = None if images is None else images - full - point
    return LabelMix(full, point, none, full * seconds["full"] + point * seconds["point"])


def mix_with_fraction(
    fraction: float, hours: float, seconds: Mapping[str, float], images: int | None = None
) -> LabelMix:
    """The most images of which this part has masks and the others have points.

    Example:
        >>> mix_with_fraction(0.1, 10, {"full": 360, "point": 40})
        LabelMix(full=50, point=450, none=None, seconds=36000)
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the part of the images with masks is {fraction}; it lies between 0 and 1")
    mean = fraction * seconds["full"] + (1 - fraction) * seconds["point"]
    count = int(_available(hours, seconds) / mean + 1e-9)
    count = count if images is None else min(count, images)
    full = math.floor(fraction * count + 1e-9)
    none = None if images is None else images - count
    return LabelMix(full, count - full, none, full * seconds["full"] + (count - full) * seconds["point"])


def mix_of_all(hours: float, seconds: Mapping[str, float], images: int) -> LabelMix | None:
    """The most masks with which every other image still gets its points (F + P in the paper's table 1); None where the
    hours do not even suffice for points on all of them.

    Example:
        >>> mix_of_all(10, {"full": 360, "point": 36}, 500)
        LabelMix(full=55, point=445, none=0, seconds=35820)
    """
    spare = _available(hours, seconds) - images * seconds["point"]
    if spare < -1e-6:
        return None
    dearer = seconds["full"] - seconds["point"]
    full = images if dearer <= 0 else min(images, int(max(spare, 0) / dearer + 1e-9))
    return LabelMix(full, images - full, 0, full * seconds["full"] + (images - full) * seconds["point"])


def _available(hours: float, seconds: Mapping[str, float]) -> float:
    """The hours in seconds, if these and what an image takes can be reckoned with."""
    if not 0 < hours < math.inf:
        raise ValueError(f"hours is {hours}; it takes a number above 0")
    for kind in ("full", "point"):
        if not 0 < seconds[kind] < math.inf:
            raise ValueError(
                f"an image of the kind {kind!r} takes {seconds[kind]} seconds; nothing limits their number"
            )
    return hours * 3600.0
