# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The encoder with 8-bit weights and features, whose ranges are measured on images (static quantization)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..onnx_runtime.network_inputs import network_inputs
from ..ops.images import read_image
from ..ops.tiles import tile_windows

MAX_IMAGES = 32  # time and memory grow with their number


def quantize_encoder(folder: Path, settings: Mapping[str, Any], images: Sequence[Path]) -> None:
    """Write `encoder_int8.onnx` beside `encoder.onnx`.

    Convolutions compute with 8 bits, one scale per output channel; norms and everything else stay float.

    Args:
        folder: folder of the encoder.
        settings: those of the image processor.
        images: images like those that the model will see; of many, `MAX_IMAGES` are used, evenly spread.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        """Inputs of the encoder, one image or tile at a time."""

        def __init__(self) -> None:
            self.inputs = _inputs(images, settings)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.inputs, None)

    images = images[:: -(-len(images) // MAX_IMAGES)]

    # The library reports steps that do not apply to a network of convolutions as warnings.
    logging.getLogger().addFilter(_is_no_advice)
    try:
        quantize_static(
            folder / "encoder.onnx",
            folder / "encoder_int8.onnx",
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.getLogger().removeFilter(_is_no_advice)


def _inputs(images: Sequence[Path], settings: Mapping[str, Any]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the inputs of the encoder for images."""
    for path in images:
        image = read_image(path)
        windows = tile_windows(image.height, image.width, settings["tile_size"])
        for pixel_values, _ in network_inputs(image, settings, windows):
            yield {"pixel_values": pixel_values[None]}


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()
