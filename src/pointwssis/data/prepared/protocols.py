# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image subsets of the paper's experiments (section 4.1), drawn reproducibly.

* COCO 1% … 50%. The paper draws at random and its authors published their draw as files (`official_subsets`). Ours
  keeps the masks of the images that `split_supervision(train, p / 100, seed)` keeps, so that a prepared configuration
  and a recipe with `labeled_fraction` use the same images. For one seed a smaller percentage is a subset of a larger.
* COCO train5K, on which the paper evaluates pseudo labels: "5,000 images of the rest". Ours are the first 5,000 of
  `frozen_order(image ids, "train5K")` that have masks in no percentage: one list for all percentages.
* BDD100K 20k and 40k: the first 20,000 and 40,000 of `frozen_order(file names, "BDD100K points")`; 67k are all.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from ...ops.user_error import UserError

PERCENTAGES = (1, 2, 5, 10, 20, 30, 40, 50)
TRAIN5K_IMAGES = 5000
BDD100K_POINTS = {"bdd20k": 20_000, "bdd40k": 40_000, "bdd67k": None}  # None: all, about 67,000


def labeled_ids(kinds: Mapping[int, str], percentage: float, seed: int = 1) -> set[int]:
    """Return the ids of the images that keep their masks, those of `split_supervision(rows, percentage / 100, seed)`.

    Args:
        kinds: image id → `supervision` of the image.
        percentage: percentage of all images, 0 < percentage ≤ 100; at least one image is drawn.
        seed: seed of the permutation.

    Raises:
        UserError: too few images have masks.

    Example:
        >>> kinds = dict.fromkeys(range(100), "full")
        >>> two, five = labeled_ids(kinds, 2), labeled_ids(kinds, 5)
        >>> len(two), len(five), two < five
        (2, 5, True)
    """
    if not 0 < percentage <= 100:
        raise UserError(f"percentage is {percentage}; it must be above 0 and at most 100")
    # The same permutation and rounding as in `split_supervision`; only images with all their masks are eligible.
    order = np.random.default_rng(seed).permutation(sorted(kinds))
    eligible = [int(image_id) for image_id in order if kinds[int(image_id)] == "full"]
    wanted = max(1, int(percentage / 100 * len(kinds) + 0.5))
    # Unlike `split_supervision`, which warns, this is an error: a name such as `coco10` must be true.
    if wanted > len(eligible):
        raise UserError(
            f"{percentage}% of {len(kinds)} images are {wanted}, but only {len(eligible)} have a mask for every "
            "object; use a smaller percentage"
        )
    return set(eligible[:wanted])


def frozen_order(keys: Iterable[int | str], title: str) -> list[int | str]:
    """Return a pseudo-random order that depends on no seed, library or version.

    Args:
        keys: ids or names of images.
        title: name of the draw; another title gives another order.

    Returns:
        The keys by ascending SHA-256 of the UTF-8 text `pointwssis {title} {key}`, numbers in decimal.

    Example:
        >>> frozen_order([1, 2, 3, 4], "train5K")
        [4, 3, 1, 2]
    """
    return sorted(keys, key=lambda key: hashlib.sha256(f"pointwssis {title} {key}".encode()).digest())


def train5k_ids(image_ids: Iterable[int], labeled: Collection[int]) -> list[int]:
    """Return the ids of the images on which pseudo labels are evaluated, at most 5,000.

    Args:
        image_ids: ids of the images to choose from.
        labeled: ids of the images that keep their masks in any configuration; they are excluded.
    """
    labeled = set(labeled)
    return [image_id for image_id in frozen_order(image_ids, "train5K") if image_id not in labeled][:TRAIN5K_IMAGES]


def point_subsets(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the file names of BDD100K's images with points per configuration; smaller ones are subsets of larger."""
    order = frozen_order(names, "BDD100K points")
    return {config: order[:count] for config, count in BDD100K_POINTS.items()}
