# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images and points in, instances out: `point-instance-segmentation` and `point-mask-refinement`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from transformers import AutoImageProcessor, AutoModel, Pipeline, PreTrainedModel
from transformers.pipelines.pt_utils import PipelineDataset, PipelineIterator
from transformers.utils import ModelOutput

from .pipeline_inputs import as_image, as_mask, checked_mask_format, formatted, given, with_prompts

REFINER_CHUNK = 64  # crops that go through the refiner at once


def _only(items: list[Any]) -> Any:
    """The item of a batch of one."""
    return items[0]


class _ImagePipeline(Pipeline):
    """What both pipelines share: reading images, lists of images of different sizes, and the format of masks."""

    _load_processor = False
    _load_image_processor = True
    _load_feature_extractor = False
    _load_tokenizer = False

    def get_iterator(self, inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params):
        """As in transformers, but a batch is a list: its stock collation cannot hold images of different sizes."""
        if isinstance(inputs, Sized):
            dataset = PipelineDataset(inputs, self.preprocess, preprocess_params)
        else:
            num_workers = min(num_workers, 1)
            dataset = PipelineIterator(inputs, self.preprocess, preprocess_params)
        collate = _only if batch_size == 1 else list  # transformers does not take a batch of one apart
        loader = DataLoader(dataset, num_workers=num_workers, batch_size=batch_size, collate_fn=collate)
        model_iterator = PipelineIterator(loader, self.forward, forward_params, loader_batch_size=batch_size)
        return PipelineIterator(model_iterator, self.postprocess, postprocess_params)

    def _ensure_tensor_on_device(self, inputs, device):
        # The batches are lists of items that place themselves; the stock method would turn their outputs into other
        # types.
        return inputs

    def preprocess(self, inputs: Any) -> dict[str, Any]:
        item = dict(inputs) if isinstance(inputs, Mapping) and "image" in inputs else {"image": inputs}
        item["image"] = as_image(item["image"])
        return item

    def label_id(self, label: int | str | None) -> int:
        """Class id of a name or an id; −1 for None."""
        if label is None:
            return -1
        if isinstance(label, str):
            known = {name: index for index, name in self.model.config.id2label.items()}
            if label not in known:
                raise ValueError(
                    f"label {label!r} is unknown; the model knows {', '.join(map(repr, list(known)[:20]))}"
                )
            return known[label]
        return int(label)


class PointInstanceSegmentationPipeline(_ImagePipeline):
    """One mask with a class for every point; without points, ordinary instance segmentation.

    Example:
        ```python
        from transformers import pipeline
        import pointwssis

        segmenter = pipeline("point-instance-segmentation", model="pointwssis/teacher-coco10")
        segmenter("photo.jpg", points=[(120, 80), (300, 210)], labels=["dog", None])
        ```
    """

    def __init__(self, *args: Any, refiner: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.refiner = as_refiner(refiner, self.device)

    def __call__(self, inputs: Any, points: Any = None, labels: Any = None, **kwargs: Any) -> Any:
        """Segments images.

        Args:
            inputs: an image (path, address, PIL image, array), a list of images, a generator, a torch or a `datasets`
                dataset; or dicts {"image", "points", "labels"}.
            points: points of the image, (x, y) in its pixels; for a list of images a list of them. None: ordinary
                instance segmentation.
            labels: for each point its class, a name, an id or None; None where no class is known.
            threshold: lowest score of an instance without points, 0 to 1.
            mask_format: "pil" (L image, 0 and 255), "rle" (COCO) or "numpy" (bool).
            top_k: classes listed for a point without a class; without points the most instances an image.
            level_strategy: how a point chooses its pyramid level, see `post_process_point_instance_segmentation`.
            refiner: a MaskRefineNet, its repository, or a `point-mask-refinement` pipeline, for points.
            batch_size: images that go through the network together, where their sizes are equal.

        Returns:
            For each image a list of dicts with `label`, `score` and `mask`; with points one a point, in their order,
            with `point`, `level`, `level_scores`, `point_in_mask`, `alternatives`, `background_score` too, and with a
            refiner `rough_mask`.
        """
        return super().__call__(with_prompts(inputs, points=points, labels=labels), **kwargs)

    def _sanitize_parameters(
        self,
        threshold: float | None = None,
        mask_format: str | None = None,
        top_k: int | None = None,
        level_strategy: str | None = None,
        refiner: Any = None,
        **unknown: Any,
    ) -> tuple[dict, dict, dict]:
        if unknown:
            raise TypeError(f"unknown parameters {sorted(unknown)}; see PointInstanceSegmentationPipeline.__call__")
        forward = {"threshold": threshold, "top_k": top_k, "level_strategy": level_strategy}
        if refiner is not None:
            forward["refiner"] = as_refiner(refiner, self.device)
        return {}, given(forward), given({"mask_format": checked_mask_format(mask_format)})

    def preprocess(self, inputs: Any) -> dict[str, Any]:
        item = super().preprocess(inputs)
        encoded = self.image_processor(images=[item["image"]], return_tensors="pt")
        item["pixel_values"], item["pixel_mask"] = encoded["pixel_values"], encoded.get("pixel_mask")
        return item

    def encode(self, image: Any) -> "EncodedImage":
        """Runs the network once; every click on the result then costs its decoding only.

        Example:
            ```python
            session = segmenter.encode("photo.jpg")
            session(points=[(120, 80)])
            session(points=[(300, 210)], labels=["dog"])
            ```
        """
        item = self.preprocess(image)
        with self.device_placement(), self.get_inference_context()():
            return EncodedImage(self, item["image"], self._encode([item]))

    def _encode(self, items: Sequence[dict[str, Any]]) -> ModelOutput:
        """Raw outputs of items whose images have one size after preprocessing."""
        pixel_values = torch.cat([item["pixel_values"] for item in items]).to(self.device, self.model.dtype)
        pixel_mask = None
        if items[0]["pixel_mask"] is not None:
            pixel_mask = torch.cat([item["pixel_mask"] for item in items]).to(self.device)
        return self.model.encode(pixel_values, pixel_mask)

    def _forward(self, model_inputs: Any, **parameters: Any) -> ModelOutput:
        items = model_inputs if isinstance(model_inputs, list) else [model_inputs]
        # Images of one padded size run together, so that a batch gives what its images give alone.
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for index, item in enumerate(items):
            groups[*item["pixel_values"].shape[-2:], item.get("points") is None].append(index)
        results: list[Any] = [None] * len(items)
        for indices in groups.values():
            group = [items[index] for index in indices]
            for index, found in zip(indices, self._decode(self._encode(group), group, **parameters), strict=True):
                results[index] = found
        return ModelOutput(instances=results) if isinstance(model_inputs, list) else ModelOutput(instances=results[0])

    def _decode(
        self,
        outputs: ModelOutput,
        items: Sequence[dict[str, Any]],
        threshold: float = 0.0,
        top_k: int | None = None,
        level_strategy: str = "adaptive",
        refiner: Any = None,
    ) -> list[list[dict[str, Any]]]:
        sizes = [(item["image"].height, item["image"].width) for item in items]
        if items[0].get("points") is None:
            found = self.image_processor.post_process_instance_segmentation(
                outputs, threshold=threshold, target_sizes=sizes, return_binary_maps=True, top_k=top_k
            )
            return [
                [
                    {"mask": mask, **info}
                    for mask, info in zip(image["segmentation"], image["segments_info"], strict=True)
                ]
                for image in found
            ]
        points = [item["points"] for item in items]
        found = self.image_processor.post_process_point_instance_segmentation(
            outputs,
            points,
            [self._label_ids(item) for item in items],
            target_sizes=sizes,
            level_strategy=level_strategy,
            **given({"top_k": top_k}),
        )
        refiner = refiner or self.refiner
        if refiner is not None:
            for item, instances in zip(items, found, strict=True):
                self._refine(refiner, item["image"], instances)
        return found

    def _label_ids(self, item: dict[str, Any]) -> list[int]:
        labels = item.get("labels")
        if labels is None:
            return [-1] * len(item["points"])
        if isinstance(labels, (str, int)):
            raise ValueError(f"labels is {labels!r}; give a list with one entry a point")
        return [self.label_id(label) for label in labels]

    def _refine(
        self, refiner: "PointMaskRefinementPipeline", image: Image.Image, instances: list[dict[str, Any]]
    ) -> None:
        """Replaces the masks by refined ones, in place; the rough ones stay beside them."""
        rough = [instance["mask"].cpu().numpy() for instance in instances]
        names = [self.model.config.id2label[instance["label_id"]] for instance in instances]
        # A point on the right or lower border lies in the last pixel, as for the teacher.
        points = [(min(x, image.width - 1), min(y, image.height - 1)) for x, y in (i["point"] for i in instances)]
        refined = refiner.refine(image, rough, points, names)["masks"]
        for instance, (x, y), mask in zip(instances, points, refined, strict=True):
            instance["rough_mask"], instance["mask"] = instance["mask"], torch.from_numpy(mask)
            instance["point_in_mask"] = bool(mask[round(y), round(x)])

    def postprocess(self, model_outputs: ModelOutput, mask_format: str = "pil") -> list[dict[str, Any]]:
        names = self.model.config.id2label
        results = []
        for instance in model_outputs["instances"]:
            result = {
                "label": names[instance["label_id"]],
                "score": instance["score"],
                "mask": formatted(instance["mask"], mask_format),
            }
            for key in ("point", "level", "level_scores", "point_in_mask", "background_score"):
                if key in instance:
                    result[key] = instance[key]
            if "alternatives" in instance:
                result["alternatives"] = [
                    {"label": names[a["label_id"]], "score": a["score"]} for a in instance["alternatives"]
                ]
            if "rough_mask" in instance:
                result["rough_mask"] = formatted(instance["rough_mask"], mask_format)
            results.append(result)
        return results


class EncodedImage:
    """One image that went through the network; call it with points as often as you like."""

    def __init__(self, pipeline: PointInstanceSegmentationPipeline, image: Image.Image, outputs: ModelOutput):
        self.pipeline, self.image, self.outputs = pipeline, image, outputs

    def __call__(self, points: Any = None, labels: Any = None, **parameters: Any) -> list[dict[str, Any]]:
        """Instances of these points; parameters and results are those of the pipeline."""
        pipe = self.pipeline
        _, forward, post = pipe._sanitize_parameters(**parameters)
        forward, post = {**pipe._forward_params, **forward}, {**pipe._postprocess_params, **post}
        with pipe.device_placement(), pipe.get_inference_context()():
            item = {"image": self.image, "points": points, "labels": labels}
            found = pipe._decode(self.outputs, [item], **forward)[0]
        return pipe.postprocess(ModelOutput(instances=found), **post)


class PointMaskRefinementPipeline(_ImagePipeline):
    """Refines rough masks with a MaskRefineNet: one crop and one point an object (paper, section 3.3)."""

    def __call__(
        self, inputs: Any, rough_masks: Any = None, points: Any = None, labels: Any = None, **kwargs: Any
    ) -> Any:
        """Refines the rough masks of images.

        Args:
            inputs: as in `point-instance-segmentation`, or dicts {"image", "rough_masks", "points", "labels"}.
            rough_masks: masks of the image's objects, each an (H, W) array, a PIL image or a COCO RLE; for a list of
                images a list of them.
            points: (x, y) of each object in pixels of the image.
            labels: class of each object, a name or an id; not needed by a class-agnostic refiner.
            mask_format: "pil", "rle" or "numpy".

        Returns:
            For each image a list of dicts with `mask`, `kept_rough_mask` (the refined one was empty), `point` and
            `label`.
        """
        return super().__call__(with_prompts(inputs, rough_masks=rough_masks, points=points, labels=labels), **kwargs)

    def _sanitize_parameters(self, mask_format: str | None = None, **unknown: Any) -> tuple[dict, dict, dict]:
        if unknown:
            raise TypeError(f"unknown parameters {sorted(unknown)}; see PointMaskRefinementPipeline.__call__")
        return {}, {}, given({"mask_format": checked_mask_format(mask_format)})

    def _forward(self, model_inputs: Any) -> ModelOutput:
        items = model_inputs if isinstance(model_inputs, list) else [model_inputs]
        results = []
        for item in items:
            missing = [key for key in ("rough_masks", "points") if item.get(key) is None]
            if missing:
                raise ValueError(
                    f"{' and '.join(missing)} missing; a refiner takes an image, rough masks and a point for each "
                    "of them"
                )
            refined = self.refine(
                item["image"], [as_mask(mask) for mask in item["rough_masks"]], item["points"], item.get("labels")
            )
            results.append({**refined, "points": item["points"], "labels": item.get("labels")})
        return ModelOutput(refined=results) if isinstance(model_inputs, list) else ModelOutput(refined=results[0])

    def refine(
        self, image: Image.Image, rough_masks: Sequence[np.ndarray], points: Sequence[Any], labels: Sequence[Any] | None
    ) -> dict[str, np.ndarray]:
        """Refines the masks of one image.

        Args:
            image: RGB.
            rough_masks: N masks, (height, width) bool.
            points: N points, (x, y) in pixels of the image.
            labels: N names or ids; None for a class-agnostic refiner.

        Returns:
            `masks` (N, height, width) bool and `kept_rough_masks` (N,) bool.
        """
        refined = {
            "masks": np.zeros((len(rough_masks), image.height, image.width), bool),
            "kept_rough_masks": np.zeros(len(rough_masks), bool),
        }
        for start in range(0, len(rough_masks), REFINER_CHUNK):
            chunk = slice(start, start + REFINER_CHUNK)
            masks = np.stack(list(rough_masks[chunk]))
            prompts = {"rough_masks": [masks], "input_points": [np.asarray(points[chunk], dtype=np.float64)]}
            if self.model.config.class_conditional:
                if labels is None:
                    raise ValueError("labels are missing; this refiner is class-conditional")
                prompts["class_labels"] = [[self.label_id(label) for label in labels[chunk]]]
            encoded = self.image_processor([image], **prompts, return_tensors="pt")
            boxes = encoded.pop("crop_boxes")
            encoded.pop("image_indices")
            with torch.no_grad():
                logits = self.model(**encoded.to(self.device, self.model.dtype)).logits
            answer = self.image_processor.post_process_masks(logits, boxes, [(image.height, image.width)], [masks])[0]
            for name, values in answer.items():
                refined[name][chunk] = values
        return refined

    def postprocess(self, model_outputs: ModelOutput, mask_format: str = "pil") -> list[dict[str, Any]]:
        refined = model_outputs["refined"]
        labels = refined["labels"] if refined["labels"] is not None else [None] * len(refined["masks"])
        rows = zip(refined["masks"], refined["kept_rough_masks"].tolist(), refined["points"], labels, strict=True)
        return [
            {"mask": formatted(m, mask_format), "kept_rough_mask": kept, "point": p, "label": name}
            for m, kept, p, name in rows
        ]


def as_refiner(refiner: Any, device: torch.device) -> PointMaskRefinementPipeline | None:
    """A refinement pipeline out of a repository name, a folder, a model, a pipeline or None."""
    if refiner is None or isinstance(refiner, PointMaskRefinementPipeline):
        return refiner
    model = AutoModel.from_pretrained(refiner) if not isinstance(refiner, PreTrainedModel) else refiner
    if model.config.model_type != "mask_refine_net":
        raise ValueError(f"refiner {refiner!r:.60} is a {model.config.model_type} model; it takes a MaskRefineNet")
    name = str(refiner) if isinstance(refiner, (str, Path)) else model.config._name_or_path
    if not name:
        raise ValueError(
            "refiner is a model that comes from nowhere, so its image processor is not known; give its folder, or a "
            "point-mask-refinement pipeline"
        )
    processor = AutoImageProcessor.from_pretrained(name, backend="pil")
    return PointMaskRefinementPipeline(model=model, image_processor=processor, device=device)


__all__ = ["EncodedImage", "PointInstanceSegmentationPipeline", "PointMaskRefinementPipeline"]
