# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rough masks of a SOLOv2 from several views of each image: mirrored, at other scales, and in enlarged tiles."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from ..models.solov2.decoding_solov2 import DecodingSettings, ImageOutputs
from ..models.solov2.views_solov2 import EncodedView, View, decode_views
from ..ops.coco_masks import rle_area
from ..ops.devices import autocast
from ..ops.rle import decode_pixels, encode_mask, encode_pixels
from ..pipelines.validation import checked_prompts
from .labeler_types import Labels, Points
from .tiles import Box, central_tiles

SMALL_SIDE = 32.0  # √area in pixels of the network's input below which a mask is decoded again in a tile

Instance = dict[str, Any]


@dataclass(frozen=True)
class LabelingViews:
    """The views from which points are decoded; see `solov2_teacher`."""

    flips: bool = False
    scales: Sequence[float] = (1.0,)
    zoom: float = 1.0
    level_strategy: str = "adaptive"

    def of(self, box: Box) -> list[View]:
        """Return the views of one part of an image, the plain one first."""
        mirrored = (False, True) if self.flips else (False,)
        return [View(box, scale, is_flipped) for scale in self.scales for is_flipped in mirrored]


class ViewLabeler:
    """A trained SOLOv2 as a `Teacher`.

    Args:
        model: SOLOv2 in evaluation mode, on the device.
        processor: its image processor.
        views: views from which points are decoded.
        device: device of the model.
        dtype: dtype of the computation, float32 or bfloat16.
    """

    def __init__(self, model: Any, processor: Any, views: LabelingViews, device: torch.device, dtype: torch.dtype):
        self.model, self.processor, self.views, self.device, self.dtype = model, processor, views, device, dtype

    @torch.no_grad()
    def __call__(
        self, images: Sequence[Image.Image], points: Sequence[Points], labels: Sequence[Labels]
    ) -> list[list[Instance]]:
        """Return one instance per point; see `Teacher`."""
        prompts = []
        for number, (image, own_points, own_labels) in enumerate(zip(images, points, labels, strict=True)):
            names = self.model.config.id2label
            prompts.append(checked_prompts(own_points, own_labels, image, names, f"image {number}"))
        with autocast(self.device, self.dtype):
            boxes = [(0, 0, *image.size) for image in images]
            encoded = self._encode(images, [self.views.of(box) for box in boxes])
            found = []
            for image, views, prompt in zip(images, encoded, prompts, strict=True):
                instances = self._decode(views, prompt["points"], prompt["labels"])
                if self.views.zoom > 1:
                    self._decode_small(image, views[0], prompt, instances)
                found.append(instances)
        return found

    # -- the network

    def _encode(self, images: Sequence[Image.Image], views: Sequence[Sequence[View]]) -> list[list[EncodedView]]:
        """Run the network once per view; images of one padded size go through it together.

        Args:
            images: images of a batch.
            views: views of each image, as many for each.
        """
        encoded: list[list[EncodedView]] = [[] for _ in images]
        for own in zip(*views, strict=True):
            inputs = [self._inputs(view.image(image), view.scale) for image, view in zip(images, own, strict=True)]
            groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
            for index, (pixel_values, _) in enumerate(inputs):
                groups[tuple(pixel_values.shape[-2:])].append(index)
            for indices in groups.values():
                for index, outputs, size in self._forward(inputs, indices):
                    encoded[index].append(EncodedView(own[index], outputs, size))
        return encoded

    def _inputs(self, image: Image.Image, scale: float) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the (1, 3, H, W) input and the (1, H, W) mask of its padding at `scale` times the usual size."""
        sizes: dict[str, Any] = {}
        if scale != 1:
            sizes["size"] = _scaled(self.processor.size, scale, 1)
            if self.processor.pad_size is not None:
                sizes["pad_size"] = _scaled(self.processor.pad_size, scale, self.processor.size_divisor or 1)
        encoded = self.processor(images=[image], return_tensors="pt", **sizes)
        return encoded["pixel_values"], encoded.get("pixel_mask")

    def _forward(
        self, inputs: Sequence[tuple[torch.Tensor, torch.Tensor | None]], indices: Sequence[int]
    ) -> list[tuple[int, ImageOutputs, tuple[int, int]]]:
        """Return index, outputs and (height, width) without padding of inputs of one size."""
        pixel_values = torch.cat([inputs[index][0] for index in indices]).to(self.device)
        pixel_mask = None
        if inputs[indices[0]][1] is not None:
            pixel_mask = torch.cat([inputs[index][1] for index in indices]).to(self.device)
        outputs = self.model.encode(pixel_values, pixel_mask)
        sizes = outputs["valid_sizes"].tolist()
        return [(index, ImageOutputs.of(outputs, place), tuple(sizes[place])) for place, index in enumerate(indices)]

    @property
    def _settings(self) -> DecodingSettings:
        return DecodingSettings.of(self.model.config)

    # -- points

    def _decode(self, views: Sequence[EncodedView], points: torch.Tensor, labels: torch.Tensor) -> list[Instance]:
        """Return one instance per point, with masks in pixels of the part that the views show."""
        own_points, own_labels = points.float().to(self.device), labels.to(self.device)
        found = decode_views(views, own_points, own_labels, self._settings, self.views.level_strategy)
        levels = found.levels.tolist()
        scores = found.scores.scores.gather(1, found.levels[:, None])[:, 0].tolist()
        names = [self.model.config.id2label[label] for label in found.scores.labels.tolist()]
        instances = []
        for mask, label, score, level in zip(found.masks, names, scores, levels, strict=True):
            instances.append({"mask": encode_mask(mask), "label": label, "score": score, "level": level})
        return instances

    def _decode_small(
        self, image: Image.Image, plain: EncodedView, prompt: dict[str, Any], instances: list[Instance]
    ) -> None:
        """Decode the points with small masks again in enlarged tiles of the image, and replace their masks in place."""
        # Sides of masks are compared in pixels of the network's input.
        scale = math.sqrt(math.prod(plain.valid_size) / (image.width * image.height))
        small = []
        for index, instance in enumerate(instances):
            if 0 < rle_area(instance["mask"]) * scale**2 < SMALL_SIDE**2:
                small.append(index)
        points = prompt["points"]
        tiles = central_tiles(image.size, points[small].tolist(), self.views.zoom)
        for box, members in tiles.items():
            # The other points of the tile matter to the level selection.
            (views,) = self._encode([image], [self.views.of(box)])
            x, y = points.unbind(dim=1)
            inside = (x >= box[0]) & (x <= box[2] - 1) & (y >= box[1]) & (y <= box[3] - 1)
            seen = inside.nonzero().flatten().tolist()
            zoomed = dict(zip(seen, self._decode(views, points[seen], prompt["labels"][seen]), strict=True))
            for member in members:
                own = zoomed.get(small[member])
                if own is not None and rle_area(own["mask"]):
                    instances[small[member]] = {**own, "mask": _moved(own["mask"], box, image.size)}


def _moved(mask: dict[str, Any], box: Box, image_size: tuple[int, int]) -> dict[str, Any]:
    """Return the mask of a tile as the mask of its whole image of (width, height)."""
    tile_height, (width, height) = mask["size"][0], image_size
    column, row = divmod(decode_pixels(mask), tile_height)
    return encode_pixels((column + box[0]) * height + row + box[1], [height, width])


def _scaled(size: Any, scale: float, divisor: int) -> dict[str, int]:
    """Return a size of an image processor times `scale`, rounded to a multiple of `divisor`."""
    sides = {name: value for name, value in dict(size).items() if value is not None}
    return {name: max(1, math.ceil(round(value * scale) / divisor)) * divisor for name, value in sides.items()}
