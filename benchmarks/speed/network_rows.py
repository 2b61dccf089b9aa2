# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows about the networks: inference, clicks on photos beside SAM 2, refinement."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import Sam2Config, Sam2Model

from pointwssis import (
    MaskRefineNetConfig,
    MaskRefineNetForMaskRefinement,
    MaskRefineNetImageProcessorPil,
    PointInstanceSegmentationPipeline,
    PointMaskRefinementPipeline,
    SOLOv2Config,
    SOLOv2ForInstanceSegmentation,
    SOLOv2ImageProcessorPil,
    fold_batch_norms,
)
from pointwssis.ops.rle import encode_mask

from .scenes import disks, photo, random_points
from .timing import Comparison
from .yardsticks import official_refinement

HEIGHT, WIDTH = 480, 640
RESNET50 = {"model_type": "resnet", "depths": [3, 4, 6, 3], "downsample_in_bottleneck": True}
SAM_SIZE = 1024  # side of SAM 2's input in pixels


@cache
def resnet50() -> SOLOv2ForInstanceSegmentation:
    """Return a SOLOv2 with ResNet-50 and random weights."""
    torch.manual_seed(0)
    return SOLOv2ForInstanceSegmentation(SOLOv2Config(backbone_config=RESNET50, num_labels=80)).eval()


@cache
def segmenter(dtype: torch.dtype) -> PointInstanceSegmentationPipeline:
    """Return the pipeline of a SOLOv2 with ResNet-50 at 800 pixels."""
    processor = SOLOv2ImageProcessorPil(size={"shortest_edge": 800, "longest_edge": 1333})
    model = SOLOv2ForInstanceSegmentation(resnet50().config).eval()
    model.load_state_dict(resnet50().state_dict())
    return PointInstanceSegmentationPipeline(model=model.to(dtype), image_processor=processor, device="cpu")


@cache
def sam2(dtype: torch.dtype) -> Sam2Model:
    """Return SAM 2 tiny with random weights."""
    torch.manual_seed(0)
    return Sam2Model(Sam2Config()).eval().to(dtype)


def sam2_features(image: Image.Image, dtype: torch.dtype) -> Any:
    """Return the image features of SAM 2."""
    resized = image.resize((SAM_SIZE, SAM_SIZE), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(resized, np.float32) / 255).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return sam2(dtype).get_image_embeddings(((pixels - 0.45) / 0.225).to(dtype))


def sam2_masks(features: Any, image: Image.Image, points: np.ndarray, dtype: torch.dtype) -> list[dict[str, Any]]:
    """Return one RLE per point by SAM 2."""
    scaled = torch.from_numpy(points * SAM_SIZE / np.array([image.width, image.height])).to(dtype)
    labels = torch.ones(1, len(points), 1, dtype=torch.long)
    with torch.inference_mode():
        outputs = sam2(dtype)(
            image_embeddings=features, input_points=scaled[None, :, None], input_labels=labels, multimask_output=False
        )
    logits = outputs.pred_masks[0].float()  # (N, 1, 256, 256)
    masks = F.interpolate(logits, size=(image.height, image.width), mode="bilinear")[:, 0] > 0
    return [encode_mask(mask) for mask in masks.numpy()]


def clicks_row(count: int, dtype: torch.dtype, goal: float) -> Comparison:
    """Compare an image with clicks → RLEs, network included, with SAM 2 tiny."""
    image, points = photo(HEIGHT, WIDTH), random_points(count, HEIGHT, WIDTH).numpy()
    pipe = segmenter(dtype)
    return Comparison(
        ours=lambda: pipe(image, points=points.tolist(), mask_format="rle"),
        yardstick=lambda: sam2_masks(sam2_features(image, dtype), image, points, dtype),
        yardstick_name=f"SAM 2 tiny, {str(dtype).removeprefix('torch.')}",
        goal=goal,
    )


def next_click_row() -> Comparison:
    """Compare one more click on an encoded image with SAM 2 tiny."""
    image, point = photo(HEIGHT, WIDTH), random_points(1, HEIGHT, WIDTH).numpy()
    session, features = segmenter(torch.float32).encode(image), sam2_features(image, torch.float32)
    return Comparison(
        ours=lambda: session(points=point.tolist(), mask_format="rle"),
        yardstick=lambda: sam2_masks(features, image, point, torch.float32),
        yardstick_name="SAM 2 tiny, encoded image",
    )


def forward_row(dtype: torch.dtype, goal: float) -> Comparison:
    """Compare the network as the pipeline runs it with the plain network in float32."""
    pipe, image = segmenter(dtype), photo(800, 1088)
    pixels = torch.randn(1, 3, 800, 1088)
    item = pipe.preprocess({"image": image})

    def ours() -> Any:
        with torch.inference_mode():
            return pipe._encode([item])

    def plain() -> Any:
        with torch.inference_mode():
            return resnet50()(pixels)

    return Comparison(ours, plain, "plain float32 network", goal)


@cache
def mask_refine_net() -> MaskRefineNetForMaskRefinement:
    """Return a MaskRefineNet with the official architecture and random weights."""
    torch.manual_seed(0)
    return MaskRefineNetForMaskRefinement(MaskRefineNetConfig(num_labels=80)).eval()


def refiner(dtype: torch.dtype) -> PointMaskRefinementPipeline:
    """Return its pipeline with the batch norms folded, as the package loads refiners."""
    model = fold_batch_norms(mask_refine_net()).to(dtype)
    return PointMaskRefinementPipeline(model=model, image_processor=MaskRefineNetImageProcessorPil(), device="cpu")


def refiner_row(dtype: torch.dtype, goal: float) -> Comparison:
    """Compare the refinement of 16 objects with one crop at a time."""
    image, masks = photo(HEIGHT, WIDTH), disks(16, HEIGHT, WIDTH).numpy().astype(bool)
    masks = masks[masks.any(axis=(1, 2))]
    points = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        points.append([float(np.median(columns)), float(np.median(rows))])
    pipe, plain = refiner(dtype), mask_refine_net()
    names = [pipe.model.config.id2label[0]] * len(masks)
    return Comparison(
        ours=lambda: pipe.refine(image, masks, points, names),
        yardstick=lambda: official_refinement(plain, image, masks, torch.tensor(points)),
        yardstick_name="one crop at a time, float32",
        goal=goal,
    )


ROWS: dict[str, Callable[[], Comparison]] = {
    "clicks-50-fp32": partial(clicks_row, 50, torch.float32, 4),
    "clicks-50-bf16": partial(clicks_row, 50, torch.bfloat16, 8),
    "next-click": next_click_row,
    "forward-fp32": partial(forward_row, torch.float32, 1 / 0.85),
    "forward-bf16": partial(forward_row, torch.bfloat16, 1 / 0.28),
    "refiner-16-fp32": partial(refiner_row, torch.float32, 1.5),
    "refiner-16-bf16": partial(refiner_row, torch.bfloat16, 4),
}
