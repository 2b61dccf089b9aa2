# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pipeline `point-mask-refinement`: image, rough masks and points in, refined masks out."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.utils import ModelOutput

from ..ops.point_prompts import checked_labels, checked_points, label_id
from ..ops.points import point_in_rle
from ..ops.rle import RLE, decode_rle, encode_mask
from ..ops.user_error import UserError
from .base import ImagePipeline, unknown_parameter
from .inputs import given, read_item
from .outputs import check_mask_format, formatted
from .validation import checked_rough_masks

TASK = "point-mask-refinement"
CROPS_PER_FORWARD = 64  # most crops that go through the network together
PIXELS_PER_CALL = 2**28  # pixels of rough masks that a refiner takes at once, one byte each: 22 masks of 12 megapixels
PARAMETERS = ("mask_format", "timeout", "batch_size", "num_workers")


class PointMaskRefinementPipeline(ImagePipeline):
    """Refine rough masks with a MaskRefineNet: one crop and one point per object (paper, section 3.3).

    Example:
        ```python
        from transformers import pipeline
        import pointwssis

        refine = pipeline("point-mask-refinement", model="pointwssis/refiner-coco10")
        refine("photo.jpg", rough_masks=[mask], points=[(120, 80)], labels=["dog"])
        ```
    """

    _model_type = "mask_refine_net"

    def __call__(
        self, inputs: Any, rough_masks: Any = None, points: Any = None, labels: Any = None, **parameters: Any
    ) -> Any:
        """Refine the rough masks of images.

        Args:
            inputs: as in `point-instance-segmentation`, or dicts {"image", "rough_masks", "points", "labels"}.
            rough_masks: masks of the image's objects, each an (H, W) array, a PIL image, a COCO RLE or polygons; for a
                list of images a list of them.
            points: (x, y) of each object in pixels of the image.
            labels: class of each object, a name or an id; a class-agnostic refiner ignores it.
            mask_format: "pil" (L image, 0 and 255; default), "rle" (COCO), "polygon" (COCO) or "numpy" (bool).
            timeout: seconds to wait for an image's URL; None (default) waits forever.
            batch_size, num_workers: as in transformers' pipelines. The crops of an image go through the network
                together, up to 64 at a time, whatever the batch size.

        Returns:
            For each image a list of dicts, one per mask in their order, with `mask`, `label`, `point`, `point_in_mask`
            and `kept_rough_mask` (True if the refined mask was empty, so that the rough one is kept).
        """
        return self.run(inputs, {"rough_masks": rough_masks, "points": points, "labels": labels}, parameters)

    def _sanitize_parameters(
        self, mask_format: str | None = None, timeout: float | None = None, **unknown: Any
    ) -> tuple[dict, dict, dict]:
        if unknown:
            raise unknown_parameter(unknown, PARAMETERS, "PointMaskRefinementPipeline")
        if mask_format is not None:
            check_mask_format(mask_format)
        return given({"timeout": timeout}), {}, given({"mask_format": mask_format})

    def preprocess(self, inputs: dict[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """Decode an item's image and check its prompts."""
        item = read_item(inputs, timeout)
        image, name = item["image"], item["name"]
        # One point and one mask per object, and its class if the refiner needs it.
        missing = [key for key in ("rough_masks", "points") if item.get(key) is None]
        if missing:
            raise UserError(
                f"{name}: {' and '.join(missing)} missing; a refiner needs an image, rough masks and one point per mask"
            )
        points = checked_points(item["points"], image, name)
        masks = checked_rough_masks(item["rough_masks"], len(points), image, name)
        # A class-agnostic refiner ignores labels.
        labels = None
        if self.model.config.class_conditional:
            labels = checked_labels(item.get("labels"), len(points), self.model.config.id2label, name)
            if None in labels:
                raise UserError(f"labels are missing for {name}; this refiner is class-conditional: give one per point")
        return {"image": image, "rough_masks": masks, "points": points, "labels": labels}

    def _forward(self, model_inputs: Any) -> ModelOutput:
        items = model_inputs if isinstance(model_inputs, list) else [model_inputs]
        found = []
        for item in items:
            # Masks are compressed one by one.
            refined = [(encode_mask(mask), is_kept) for mask, is_kept in self._refined(**item)]
            found.append({"masks": refined, "points": item["points"], "labels": item["labels"]})
        return ModelOutput(refined=found if isinstance(model_inputs, list) else found[0])

    def refine(
        self, image: Image.Image, rough_masks: Sequence[np.ndarray], points: Sequence[Any], labels: Sequence[Any] | None
    ) -> dict[str, np.ndarray]:
        """Refine the masks of one image.

        Args:
            image: RGB image.
            rough_masks: N masks, (height, width) bool.
            points: N points, (x, y) in pixels of the image.
            labels: N class names or ids; None for a class-agnostic refiner.

        Returns:
            `masks` (N, height, width) bool and `kept_rough_masks` (N,) bool.

        Raises:
            UserError: a class is missing or unknown.
        """
        ids = None
        if self.model.config.class_conditional:
            if labels is None or None in labels:
                raise UserError("labels are missing; this refiner is class-conditional: give one per point")
            # Names come from another model, so this one must know them.
            names = self.model.config.id2label
            ids = [label_id(label, names, f"mask {k} for the refiner") for k, label in enumerate(labels)]
        masks = np.zeros((len(rough_masks), image.height, image.width), bool)
        kept = np.zeros(len(rough_masks), bool)
        refined = self._refined(image, rough_masks, np.asarray(points, dtype=np.float64).reshape(-1, 2), ids)
        for index, (mask, is_kept) in enumerate(refined):
            masks[index], kept[index] = mask, is_kept
        return {"masks": masks, "kept_rough_masks": kept}

    def _refined(
        self, image: Image.Image, rough_masks: Sequence[np.ndarray | RLE], points: np.ndarray, labels: list[int] | None
    ) -> Iterator[tuple[np.ndarray, bool]]:
        """Yield for each checked mask the refined one, and True if the rough one is kept; few crops at a time."""
        # A point on the right or bottom border lies in the last pixel, as for the teacher.
        inside = np.minimum(points, (image.width - 1, image.height - 1))
        # The image is converted once for all chunks, which limit the memory that an image with many objects takes.
        pixels = np.asarray(image)
        step = min(CROPS_PER_FORWARD, max(1, PIXELS_PER_CALL // (image.width * image.height)))
        for start in range(0, len(rough_masks), step):
            chunk = slice(start, start + step)
            rough = [decode_rle(mask) if isinstance(mask, dict) else mask for mask in rough_masks[chunk]]
            prompts: dict[str, Any] = {"rough_masks": [rough], "input_points": [inside[chunk]]}
            if labels is not None:
                prompts["class_labels"] = [labels[chunk]]
            encoded = self.image_processor([pixels], **prompts, input_data_format="channels_last", return_tensors="pt")
            boxes = encoded.pop("crop_boxes")
            encoded.pop("image_indices")  # all crops belong to the one image
            with torch.no_grad():
                logits = self.model(**encoded.to(self.device)).logits
            result = self.image_processor.post_process_masks(logits, boxes, [(image.height, image.width)], [rough])[0]
            yield from zip(result["masks"], result["kept_rough_masks"].tolist(), strict=True)

    def postprocess(self, model_outputs: ModelOutput, mask_format: str = "pil") -> list[dict[str, Any]]:
        """Return one dict per mask, see `__call__`."""
        refined, names = model_outputs["refined"], self.model.config.id2label
        labels = [None] * len(refined["masks"]) if refined["labels"] is None else [names[i] for i in refined["labels"]]
        # One dict per mask, with values that JSON can hold except for the mask itself.
        results = []
        for (mask, is_kept), point, label in zip(refined["masks"], refined["points"].tolist(), labels, strict=True):
            results.append(
                {
                    "mask": formatted(mask, mask_format),
                    "label": label,
                    "point": point,
                    "point_in_mask": point_in_rle(point, mask),
                    "kept_rough_mask": is_kept,
                }
            )
        return results
