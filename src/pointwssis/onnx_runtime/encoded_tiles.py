# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Tiles of an image that went through the encoder, a few at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..ops.tiles import Window
from .network_inputs import InputFrame, network_inputs
from .onnx_graphs import Graph

TILES_PER_PASS = 16  # most tiles that go through the encoder together


class NetworkOutputs(NamedTuple):
    """Outputs of the encoder for one image or tile."""

    confidences: np.ndarray  # (cells, C)
    kernels: np.ndarray  # (cells, E)
    mask_features: np.ndarray  # (E, h, w), h and w are a quarter of the padded canvas


class EncodedTile(NamedTuple):
    """A tile, or a whole image, that went through the encoder."""

    frame: InputFrame
    outputs: NetworkOutputs


def encode_tiles(
    encoder: Graph, image: Image.Image, settings: Mapping[str, Any], windows: Sequence[Window]
) -> Iterator[EncodedTile]:
    """Yield tiles of an image with their outputs; those of at most `TILES_PER_PASS` tiles are in memory at once.

    Args:
        encoder: graph of the encoder.
        image: upright RGB image.
        settings: `image_processor` of config.json.
        windows: tiles to encode, as in `network_inputs`.
    """
    inputs = network_inputs(image, settings, windows)
    while some := list(islice(inputs, TILES_PER_PASS)):
        batch = encoder(pixel_values=np.stack([pixel_values for pixel_values, _ in some]))
        frames = [frame for _, frame in some]
        del some
        for number, frame in enumerate(frames):
            yield EncodedTile(frame, NetworkOutputs(*(array[number] for array in batch)))
        del batch  # before the next outputs are computed
