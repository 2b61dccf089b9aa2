# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rough masks of a SOLOv2 from several views of each image: mirrored, and at other scales."""

import copy
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageOps

from ..models.solov2.decoding_solov2 import DecodingSettings, ImageOutputs
from ..models.solov2.frames_solov2 import Frame
from ..models.solov2.tiled_solov2 import TILES_PER_PASS, windows_of_points
from ..models.solov2.views_solov2 import EncodedView, decode_views
from ..ops.tiles import Window
from ..pipelines.validation import checked_prompts
from .labeler_types import Labels, Points

Instance = dict[str, Any]
Input = tuple[torch.Tensor, torch.Tensor | None]  # (1, 3, H, W) image, and (1, H, W) mask of its padding
Prompts = dict[str, torch.Tensor]  # `points` (N, 2) and `labels` (N,) of one image, see `checked_prompts`


@dataclass(frozen=True)
class LabelingViews:
    """The views from which points are decoded; see `solov2_teacher`."""

    flips: bool = False
    scales: Sequence[float] = (1.0,)

    def each(self) -> list[tuple[float, bool]]:
        """Return scale of the input and flip of each view, the plain one first."""
        mirrored = (False, True) if self.flips else (False,)
        return [(scale, is_flipped) for scale in self.scales for is_flipped in mirrored]


class Part(NamedTuple):
    """A window of an image, and the points of the image that are decoded in it."""

    image: int  # index in the batch
    window: Window
    members: list[int]  # indices among the points of the image
    side: int | None  # of a whole tile, in pixels of the image, which a smaller image does not fill; None for an image


class ViewLabeler:
    """A trained SOLOv2 as a `Teacher`.

    Args:
        model: SOLOv2 in evaluation mode, on the device, in the dtype of the computation.
        processor: its image processor; with a `tile_size`, points are decoded in tiles of this size.
        views: views from which points are decoded.
        device: device of the model.
    """

    def __init__(self, model: Any, processor: Any, views: LabelingViews, device: torch.device):
        self.model, self.views, self.device = model, views, device
        # Windows are cut here, so the image processor takes each as a whole image.
        self.tile_size, self.processor = processor.tile_size, copy.copy(processor)
        self.processor.tile_size = None
        self.settings = DecodingSettings.of(model.config)

    @torch.no_grad()
    def __call__(
        self, images: Sequence[Image.Image], points: Sequence[Points], labels: Sequence[Labels]
    ) -> list[list[Instance]]:
        """Return one instance per point; see `Teacher`."""
        prompts, names = [], self.model.config.id2label
        for number, (image, own_points, own_labels) in enumerate(zip(images, points, labels, strict=True)):
            prompts.append(checked_prompts(own_points, own_labels, image, names, f"image {number}"))
        found: list[list[Instance]] = [[{} for _ in own_points] for own_points in points]
        # Whole images, or tiles where the model was trained on tiles
        parts = []
        for number, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
            parts += _parts(number, image.size, prompt, self.tile_size)
        for part, member, instance in self._decoded(images, prompts, parts):
            found[part.image][member] = instance
        return found

    # -- decoding

    def _decoded(
        self, images: Sequence[Image.Image], prompts: Sequence[Prompts], parts: Sequence[Part]
    ) -> Iterator[tuple[Part, int, Instance]]:
        """Yield part, index of the point, and instance of every point of the parts."""
        # Outputs of few parts are kept at once, because a large image has many tiles.
        count = max(len(images), TILES_PER_PASS)
        for start in range(0, len(parts), count):
            chunk = parts[start : start + count]
            for part, views in zip(chunk, self._encoded(images, chunk), strict=True):
                yield from self._decoded_part(prompts[part.image], part, views)

    def _decoded_part(
        self, prompts: Prompts, part: Part, views: Sequence[EncodedView]
    ) -> Iterator[tuple[Part, int, Instance]]:
        """Yield part, index of the point, and instance of every point of one part."""
        points, labels = prompts["points"][part.members], prompts["labels"][part.members]
        for member, instance in zip(part.members, self._instances(views, points, labels), strict=True):
            yield part, member, instance

    def _instances(self, views: Sequence[EncodedView], points: torch.Tensor, labels: torch.Tensor) -> list[Instance]:
        """Return one instance per point."""
        found = decode_views(views, points, labels, self.settings)
        names = [self.model.config.id2label[label] for label in found.labels.tolist()]
        instances = []
        columns = (found.masks, names, found.scores.tolist(), found.levels.tolist())
        for mask, label, score, level in zip(*columns, strict=True):
            instances.append({"mask": mask.rle(), "label": label, "score": score, "level": level})
        return instances

    # -- the network

    def _encoded(self, images: Sequence[Image.Image], parts: Sequence[Part]) -> list[list[EncodedView]]:
        """Run the network once per part and view; on a GPU, parts of one padded size go through it together."""
        encoded: list[list[EncodedView]] = [[] for _ in parts]
        for scale, is_flipped in self.views.each():
            inputs = []
            for part in parts:
                image = images[part.image].crop(part.window)
                inputs.append(self._inputs(ImageOps.mirror(image) if is_flipped else image, scale, part.side))
            for chunk in self._chunks(inputs, len(images)):
                for index, (outputs, valid_size) in zip(chunk, self._forward(inputs, chunk), strict=True):
                    image = images[parts[index].image]
                    frame = Frame(0, valid_size, parts[index].window, (image.height, image.width))
                    encoded[index].append(EncodedView(frame, outputs, is_flipped))
        return encoded

    def _chunks(self, inputs: Sequence[Input], batch_size: int) -> Iterator[list[int]]:
        """Yield the indices of inputs of one padded size, which go through the network together."""
        # On a CPU, a batch saves no time, but its size changes the last digits of the outputs. One input at a time,
        # the labels of an image do not depend on the images beside it.
        at_once = 1 if self.device.type == "cpu" else batch_size
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, (pixel_values, _) in enumerate(inputs):
            groups[tuple(pixel_values.shape[-2:])].append(index)
        for indices in groups.values():
            for start in range(0, len(indices), at_once):
                yield indices[start : start + at_once]

    def _inputs(self, image: Image.Image, scale: float, side: int | None) -> Input:
        """Return the network's input for an image, at `scale` times the usual size."""
        sizes: dict[str, Any] = {}
        if scale != 1:
            sizes["size"] = _scaled(self.processor.size, scale, 1)
            if self.processor.pad_size is not None:
                sizes["pad_size"] = _scaled(self.processor.pad_size, scale, self.processor.size_divisor or 1)
        # A tile that the image does not fill is scaled like one that it fills, as in training and evaluation.
        sides = None if side is None else [side]
        encoded = self.processor(images=[image], window_sides=sides, return_tensors="pt", **sizes)
        return encoded["pixel_values"], encoded.get("pixel_mask")

    def _forward(self, inputs: Sequence[Input], indices: Sequence[int]) -> list[tuple[ImageOutputs, tuple[int, int]]]:
        """Return the outputs, and (height, width) without padding, of inputs of one size."""
        pixel_values = torch.cat([inputs[index][0] for index in indices]).to(self.device)
        pixel_mask = None
        if inputs[indices[0]][1] is not None:
            pixel_mask = torch.cat([inputs[index][1] for index in indices]).to(self.device)
        outputs = self.model.encode(pixel_values, pixel_mask)
        sizes = outputs["valid_sizes"].tolist()
        return [(ImageOutputs.of(outputs, place), tuple(size)) for place, size in enumerate(sizes)]


def _parts(number: int, image_size: tuple[int, int], prompts: Prompts, tile_size: int | None) -> list[Part]:
    """Return the windows of an image of (width, height) with the points that are most central in each."""
    width, height = image_size
    members = defaultdict(list)
    for member, owner in enumerate(windows_of_points(prompts["points"], (height, width), tile_size)):
        members[owner].append(member)
    # Row by row, as an image is cut
    windows = sorted(members, key=lambda window: (window.top, window.left))
    return [Part(number, window, members[window], tile_size) for window in windows]


def _scaled(size: Any, scale: float, divisor: int) -> dict[str, int]:
    """Return a size of an image processor times `scale`, rounded up to a multiple of `divisor`."""
    sides = {name: value for name, value in dict(size).items() if value is not None}
    return {name: max(1, math.ceil(round(value * scale) / divisor)) * divisor for name, value in sides.items()}
