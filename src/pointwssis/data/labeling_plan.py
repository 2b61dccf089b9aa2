# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Numbers of images with masks and with points that fit into given labeling hours.

An image with masks takes F seconds, one with points P seconds (`labeling_seconds`), and each image gets at most one
label. The best mixture for training cannot be computed; the paper's tables 1 and 6 report measured examples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..ops.user_error import UserError

MASK_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)  # fractions of the labeling time spent on masks


@dataclass(frozen=True)
class LabelMix:
    """Numbers of images per kind of label, and their labeling time.

    Args:
        full: images with masks.
        point: images with points.
        none: images that stay unlabeled; None if the number of images is unlimited.
        seconds: labeling time of all images.
    """

    full: int
    point: int
    none: int | None
    seconds: float


def trade_offs(
    hours: float, seconds: Mapping[str, float], images: int | None = None, shares: Sequence[float] = MASK_SHARES
) -> list[LabelMix]:
    """Return mixtures for the same hours, from points alone to masks alone; remaining time is spent on points.

    Args:
        hours: labeling hours.
        seconds: seconds per image with masks ("full") and with points ("point").
        images: number of images; None: unlimited.
        shares: fractions of the hours spent on masks.

    Returns:
        One mixture per share, with an ascending number of masks, without duplicates.

    Example:
        >>> [(mix.full, mix.point, mix.none) for mix in trade_offs(10, {"full": 360, "point": 36}, 500, (0, 0.5, 1))]
        [(0, 500, 0), (50, 450, 0), (100, 0, 400)]
    """
    available = _available(hours, seconds)
    mixes = set()
    for share in shares:
        full = int(share * available / seconds["full"] + 1e-9)
        mixes.add(mix_with_masks(full, hours, seconds, images))
    return sorted(mixes - {None}, key=lambda mix: (mix.full, mix.point))


def mix_with_masks(full: int, hours: float, seconds: Mapping[str, float], images: int | None = None) -> LabelMix | None:
    """Return a mixture with `full` images with masks, at most all of them, and points on as many others as time allows.

    Returns:
        The mixture; None if the masks take longer than the hours.
    """
    # Masks come first; a deficit of less than a microsecond is a rounding error.
    full = full if images is None else min(full, images)
    left = _available(hours, seconds) - full * seconds["full"]
    if left < -1e-6:
        return None
    # The time left is spent on points, for at most the images without masks.
    point = int(max(left, 0) / seconds["point"] + 1e-9)
    point = point if images is None else min(point, images - full)
    none = None if images is None else images - full - point
    return LabelMix(full, point, none, full * seconds["full"] + point * seconds["point"])


def mix_with_fraction(
    fraction: float, hours: float, seconds: Mapping[str, float], images: int | None = None
) -> LabelMix:
    """Return the largest mixture in which this fraction of the images has masks and the others have points.

    Example:
        >>> mix_with_fraction(0.1, 10, {"full": 360, "point": 40})
        LabelMix(full=50, point=450, none=None, seconds=36000)
    """
    if not 0 <= fraction <= 1:
        raise UserError(f"the fraction of images with masks is {fraction}; it must lie between 0 and 1")
    # Average seconds per image of the mixture, which give the number of images that the hours allow.
    mean = fraction * seconds["full"] + (1 - fraction) * seconds["point"]
    count = int(_available(hours, seconds) / mean + 1e-9)
    count = count if images is None else min(count, images)
    # Round the number of masks down; the remaining images get points.
    full = math.floor(fraction * count + 1e-9)
    none = None if images is None else images - count
    return LabelMix(full, count - full, none, full * seconds["full"] + (count - full) * seconds["point"])


def mix_of_all(hours: float, seconds: Mapping[str, float], images: int) -> LabelMix | None:
    """Return the mixture with the most masks in which every other image gets points (F + P in the paper's table 1).

    Returns:
        The mixture; None if the hours do not suffice for points on all images.

    Example:
        >>> mix_of_all(10, {"full": 360, "point": 36}, 500)
        LabelMix(full=55, point=445, none=0, seconds=35820)
    """
    # Points for every image come first.
    spare = _available(hours, seconds) - images * seconds["point"]
    if spare < -1e-6:
        return None
    # The spare seconds replace points by masks; if masks take no longer than points, every image gets masks.
    extra = seconds["full"] - seconds["point"]
    full = images if extra <= 0 else min(images, int(max(spare, 0) / extra + 1e-9))
    return LabelMix(full, images - full, 0, full * seconds["full"] + (images - full) * seconds["point"])


def _available(hours: float, seconds: Mapping[str, float]) -> float:
    """Return the hours in seconds after checking them and the seconds per image."""
    if not 0 < hours < math.inf:
        raise UserError(f"hours is {hours}; it must be above 0")
    for kind in ("full", "point"):
        if not 0 < seconds[kind] < math.inf:
            raise UserError(f"an image with the label {kind!r} takes {seconds[kind]} seconds; it must take more than 0")
    return hours * 3600.0
