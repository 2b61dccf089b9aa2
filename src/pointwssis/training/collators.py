# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Collators: samples of different sizes become one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class InstanceCollator:
    """Batches of `InstanceDataset`: one scale for the whole batch (so that little is padding), then the image
    processor.
    """

    image_processor: Any
    shortest_edges: Sequence[int]
    longest_edge: int

    def __call__(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        edge = self.shortest_edges[int(samples[0]["draw"] * len(self.shortest_edges))]
        encoded = self.image_processor(
            [sample["image"] for sample in samples],
            mask_labels=[sample["masks"] for sample in samples],
            class_labels=[sample["labels"] for sample in samples],
            input_points=[sample["points"] for sample in samples],
            size={"shortest_edge": edge, "longest_edge": self.longest_edge},
            return_tensors="pt",
        )
        return {
            **{name: value for name, value in encoded.items() if name != "input_points"},
            "mask_weights": [torch.from_numpy(sample["weights"]) for sample in samples],
            "incomplete_classes": torch.from_numpy(np.stack([sample["incomplete_classes"] for sample in samples])),
            "ignore_points": encoded["input_points"],
        }


def as_list(samples: list[Any]) -> dict[str, list[Any]]:
    """Collates samples of different sizes: a batch is the list of them."""
    return {"samples": samples}
