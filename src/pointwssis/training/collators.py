# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Collators that turn samples of different sizes into one batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class InstanceCollator:
    """A collator of `InstanceDataset` samples that draws one scale per batch, to keep padding small.

    Args:
        image_processor: image processor of SOLOv2; it resizes, normalizes and pads.
        shortest_edges: lengths of the shorter image side in pixels, one of which is drawn per batch. None: that of
            the image processor's `size`.
        longest_edge: limit of the longer image side in pixels. None: that of the image processor's `size`, which may
            have no limit.

    Raises:
        ValueError: neither `shortest_edges` nor the image processor gives a shortest edge.

    Example:
        ```python
        collator = InstanceCollator(processor, shortest_edges=[640, 672, 704, 736, 768, 800], longest_edge=1333)
        ```
    """

    def __init__(
        self, image_processor: Any, shortest_edges: Sequence[int] | None = None, longest_edge: int | None = None
    ):
        size = image_processor.size
        if shortest_edges is None:
            # A processor with a fixed output size has no edge to scale to.
            if not size.get("shortest_edge"):
                raise ValueError(f"the image processor's size is {dict(size)}; pass shortest_edges to InstanceCollator")
            shortest_edges = [size["shortest_edge"]]
        self.image_processor = image_processor
        self.shortest_edges = list(shortest_edges)
        self.longest_edge = longest_edge or size.get("longest_edge")

    def __call__(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        # The first sample's draw decides for the batch, so that the scale depends on seed, epoch and index alone.
        edge = self.shortest_edges[int(samples[0]["scale_draw"] * len(self.shortest_edges))]
        size = {"shortest_edge": edge}
        if self.longest_edge is not None:
            size["longest_edge"] = self.longest_edge
        # Masks and points are transformed with their images.
        names = ("images", "mask_labels", "class_labels", "input_points")
        values = {}
        for name in names:
            values[name] = [sample[name] for sample in samples]
        if "window_side" in samples[0]:
            values["window_sides"] = [sample["window_side"] for sample in samples]
        encoded = self.image_processor(**values, size=size, return_tensors="pt")

        # In training, points mark objects without a mask: there is no background loss around them.
        batch = dict(encoded)
        batch["ignore_points"] = batch.pop("input_points")
        batch["mask_weights"] = [torch.from_numpy(sample["mask_weights"]) for sample in samples]
        batch["incomplete_classes"] = torch.from_numpy(np.stack([sample["incomplete_classes"] for sample in samples]))
        return batch


def as_list(samples: list[Any]) -> dict[str, list[Any]]:
    """Collate samples of different sizes into a batch that holds them as a list."""
    return {"samples": samples}
