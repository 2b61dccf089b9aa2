# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Write a folder with the ONNX files of a model, its settings, and the program that runs it without torch."""

import json
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from ..models.inference import fold_batch_norms
from ..models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.solov2.decoding_solov2 import DecodingSettings
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.user_error import UserError, UserFileExistsError
from ..ops.whole_files import write_folder
from .graphs import Detector, Encoder, PointDecoder, Refiner
from .int8_encoder import quantize_encoder
from .written_runtime import write_runtime

STRIDE = 32  # sides of the network's input are multiples of it
TOLERANCE = 1e-3  # largest difference between outputs of torch and onnxruntime
ENCODER_OUTPUTS = ["confidences", "kernels", "mask_features"]
POINT_INPUTS = ["points", "point_labels", "point_levels"]
POINT_OUTPUTS = ["masks", "labels", "scores", "levels", "level_scores", "class_scores", "background_scores"]
DETECTOR_OUTPUTS = ["masks", "labels", "scores", "levels"]
FREE_SIZES = (None, None, {1: Dim.DYNAMIC, 2: Dim.DYNAMIC})  # of the encoder's outputs for one image

NORMALIZATION = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")
SEGMENTER_SETTINGS = (
    "size",
    "resample",
    "pad_size",
    "size_divisor",
    "tile_size",
    "do_flip_channel_order",
    *NORMALIZATION,
)
REFINER_SETTINGS = ("size", "box_scale", *NORMALIZATION)

Segmenter = tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]
MaskRefiner = tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]


def write_onnx(
    output_dir: str | Path,
    segmenter: Segmenter,
    refiner: MaskRefiner | None = None,
    calibration_images: Sequence[Path] = (),
) -> None:
    """Write a model as ONNX files, with the program that runs them and a README.md.

    Args:
        output_dir: new folder.
        segmenter: a SOLOv2 and its image processor.
        refiner: a MaskRefineNet and its image processor.
        calibration_images: images from which the ranges of an 8-bit encoder are measured; none writes no such encoder.

    Raises:
        UserFileExistsError: the folder exists.
        UserError: the settings or the backbone cannot be exported.
    """
    folder = Path(output_dir)
    refuse_existing(folder)
    config = _settings(segmenter, refiner)

    def write(unfinished: Path) -> None:
        _write_segmenter(unfinished, segmenter[0])
        if refiner is not None:
            _write_refiner(unfinished, refiner[0])
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (unfinished / "config.json").write_text(text, encoding="utf-8")
        if calibration_images:
            quantize_encoder(unfinished, config["image_processor"], calibration_images)
        write_runtime(unfinished, config, has_int8=bool(calibration_images))

    write_folder(folder, write)


def refuse_existing(folder: Path) -> None:
    """Raise a `UserFileExistsError` for a folder that exists, and so may hold other files."""
    if folder.exists():
        raise UserFileExistsError(f"{folder}: exists already; choose another folder or delete it")


def _settings(segmenter: Segmenter, refiner: MaskRefiner | None) -> dict[str, Any]:
    """Return class names, settings of the image processors, and decoding settings, as JSON holds them."""
    model, processor = segmenter
    if not processor.do_resize or not processor.do_pad:
        raise UserError("the image processor must resize and pad images (do_resize, do_pad) for an export to ONNX")
    preprocessing = processor_settings(processor, SEGMENTER_SETTINGS)
    sides = preprocessing["pad_size"] or {"size_divisor": preprocessing["size_divisor"] or 1}
    if any(side % STRIDE for side in sides.values()):
        raise UserError(f"the image processor pads to {sides}; ONNX needs multiples of {STRIDE} pixels")
    config = {
        "id2label": model.config.id2label,
        "image_processor": preprocessing,
        "decoding": asdict(DecodingSettings.of(model.config)),
        "refiner": None,
    }
    if refiner is not None:
        config["refiner"] = {
            "id2label": refiner[0].config.id2label,
            "class_conditional": refiner[0].config.class_conditional,
            "image_processor": processor_settings(refiner[1], REFINER_SETTINGS),
        }
    return json.loads(json.dumps(config))


def processor_settings(processor: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return settings of an image processor that a saved one may leave out because they are None."""
    saved = processor.to_dict()
    return {name: saved.get(name) for name in names}


def _write_segmenter(folder: Path, model: SOLOv2ForInstanceSegmentation) -> None:
    """Write encoder, point decoder and detector."""
    settings, kind = DecodingSettings.of(model.config), model.config.backbone_config.model_type
    tables = _write_encoder(folder / "encoder.onnx", Encoder(fold_batch_norms(model.float().cpu())), kind)
    _write_point_decoder(folder / "point_decoder.onnx", PointDecoder(settings), tables, kind)
    _write_detector(folder / "detector.onnx", Detector(settings), tables, kind)


def _write_encoder(path: Path, encoder: Encoder, kind: str) -> tuple[Tensor, ...]:
    """Write the encoder, and return its outputs for one image, which the decoders read."""
    # Sides are multiples of the stride. Examples avoid sizes that are equal or 1, which the export would take as fixed.
    height, width = (STRIDE * Dim(name, min=1) for name in ("height", "width"))
    images = torch.randn(3, 3, 4 * STRIDE, 6 * STRIDE)
    sizes = ({0: Dim.DYNAMIC, 2: height, 3: width},)
    _export(path, encoder, (images,), sizes, ["pixel_values"], ENCODER_OUTPUTS, kind)
    _check_outputs(path, encoder, {"pixel_values": torch.randn(2, 3, 5 * STRIDE, 2 * STRIDE)}, kind)
    with torch.no_grad():
        return tuple(output[0] for output in encoder(images))


def _write_point_decoder(path: Path, decoder: PointDecoder, tables: tuple[Tensor, ...], kind: str) -> None:
    """Write the decoder of points, which reads the outputs of the encoder for one image."""
    points = (torch.rand(3, 2) * 4 * STRIDE, torch.full((3,), -1), torch.full((3,), -1))
    free_counts = tuple({0: Dim.DYNAMIC} for _ in points)
    inputs = [*ENCODER_OUTPUTS, *POINT_INPUTS]
    _export(path, decoder, (*tables, *points), (*FREE_SIZES, *free_counts), inputs, POINT_OUTPUTS, kind)
    for count in (0, 2):
        some = dict(zip(POINT_INPUTS, (values[:count] for values in points), strict=True))
        _check_outputs(path, decoder, {**_random_tables(tables), **some}, kind)


def _write_detector(path: Path, detector: Detector, tables: tuple[Tensor, ...], kind: str) -> None:
    """Write the decoder without points, which reads the outputs of the encoder for one image."""
    _export(path, detector, tables, FREE_SIZES, ENCODER_OUTPUTS, DETECTOR_OUTPUTS, kind)
    for scores in ([], [0.9, 0.8, 0.7]):
        # Few scores that differ clearly, so that rounding changes neither the proposals nor their order.
        confidences = torch.zeros_like(tables[0])
        confidences[:: len(confidences) // 3][: len(scores), 0] = torch.tensor(scores)
        _check_outputs(path, detector, {**_random_tables(tables), "confidences": confidences}, kind)


def _random_tables(tables: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Return outputs of an encoder for an image of another size.

    It has so many pixels that one at the threshold, on different sides in torch and onnxruntime, hardly changes a mean.
    """
    confidences, kernels, features = tables
    values = (torch.rand_like(confidences), torch.randn_like(kernels), torch.randn(len(features), 64, 56))
    return dict(zip(ENCODER_OUTPUTS, values, strict=True))


def _write_refiner(folder: Path, model: MaskRefineNetForMaskRefinement) -> None:
    """Write the refiner, which takes any number of crops of one size."""
    side, kind = model.config.crop_size, model.config.backbone_config.model_type
    network = Refiner(fold_batch_norms(model.float().cpu()))
    inputs = {}
    for count in (3, 2):
        inputs[count] = {
            "pixel_values": torch.randn(count, 3, side, side),
            "rough_masks": (torch.rand(count, 1, side, side) > 0.5).float(),
            "input_points": torch.randint(side, (count, 2)),
        }
        if model.config.class_conditional:
            inputs[count]["class_labels"] = torch.zeros(count, dtype=torch.long)
    names = list(inputs[3])
    crops = Dim("crops")
    free = tuple({0: crops} for _ in names)
    path = folder / "refiner.onnx"
    _export(path, network, tuple(inputs[3].values()), free, names, ["probabilities"], kind)
    _check_outputs(path, network, inputs[2], kind)


def _export(
    path: Path,
    module: nn.Module,
    examples: tuple[Tensor, ...],
    dynamic_shapes: tuple[Any, ...],
    input_names: list[str],
    output_names: list[str],
    backbone: str,
) -> None:
    """Write one module as an ONNX file.

    Raises:
        UserError: the backbone computes something that ONNX or the export does not support.
    """
    names = {"input_names": input_names, "output_names": output_names}
    with torch.no_grad(), _quiet():
        try:
            program = torch.onnx.export(
                module.eval(), examples, dynamic_shapes=dynamic_shapes, dynamo=True, verbose=False, **names
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise UserError(f"{path.name}: a model with backbone {backbone} cannot be exported ({reason})") from error
    program.save(path, external_data=False)


def _check_outputs(path: Path, module: nn.Module, inputs: dict[str, Tensor], backbone: str) -> None:
    """Raise a `UserError` if onnxruntime computes something else than torch for inputs of another size or number."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    with torch.no_grad():
        expected = module(**inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for output, ours, theirs in zip(session.get_outputs(), found, expected, strict=True):
        difference = math.inf
        if ours.shape == theirs.shape:
            difference = np.abs(ours - theirs.numpy()).max(initial=0)  # outputs may be empty
        if not difference <= TOLERANCE:
            raise UserError(
                f"{path.name}: {output.name} differs by {difference:.2g} between torch and onnxruntime; models with "
                f"backbone {backbone} cannot be exported"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the remarks of the export about itself: missing torchvision, and its own deprecated calls."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
