# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image and points in, instances out: `point-instance-segmentation`."""

import numbers
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers.utils import ModelOutput

from .base import ImagePipeline
from .inputs import as_items, given, read_item
from .outputs import checked_mask_format, formatted
from .point_mask_refinement import PointMaskRefinementPipeline, as_refiner, point_in_mask
from .validation import checked_labels, checked_points

ABOUT_POINTS = ("point", "level", "level_scores", "point_in_mask", "background_score")


class EncodedImage:
    """One image that went through the network; call it with points as often as you like.

    Made by `PointInstanceSegmentationPipeline.encode`. It holds the network's outputs, about a sixteenth of the canvas'
    pixels times the number of kernel channels in floats, on the device of the model.

    Args:
        pipeline: that encoded it.
        image: the upright RGB image.
        name: of the image, for errors.
        outputs: of the network.
    """

    def __init__(
        self, pipeline: "PointInstanceSegmentationPipeline", image: Image.Image, name: str, outputs: ModelOutput
    ):
        self.pipeline, self.image, self.name, self.outputs = pipeline, image, name, outputs

    def __call__(self, points: Any = None, labels: Any = None, **parameters: Any) -> list[dict[str, Any]]:
        """Instances of these points (all instances without points); parameters and results are those of the pipeline.

        Several points in one call, or each in a call of its own, give the same instances.
        """
        pipe = self.pipeline
        _, forward, post = pipe._sanitize_parameters(**parameters)
        forward, post = {**pipe._forward_params, **forward}, {**pipe._postprocess_params, **post}
        item = {"image": self.image, "name": self.name, **pipe.checked_prompts(self.image, self.name, points, labels)}
        with pipe.device_placement(), pipe.get_inference_context()():
            found = pipe.decode(self.outputs, [item], **forward)[0]
        return pipe.postprocess(ModelOutput(instances=found), **post)


class PointInstanceSegmentationPipeline(ImagePipeline):
    """One mask with a class for every point; without points, ordinary instance segmentation.

    Args:
        refiner: as in `__call__`, for every call.

    Example:
        ```python
        from transformers import pipeline
        import pointwssis

        segmenter = pipeline("point-instance-segmentation", model="pointwssis/teacher-coco10")
        segmenter("photo.jpg", points=[(120, 80), (300, 210)], labels=["dog", None])
        ```
    """

    _model_type = "solov2"

    def __init__(self, *args: Any, refiner: Any = None, **kwargs: Any):
        self._loaded_refiners: dict[str, PointMaskRefinementPipeline] = {}
        super().__init__(*args, **kwargs)
        self.refiner = self._as_refiner(refiner)

    def __call__(self, inputs: Any, points: Any = None, labels: Any = None, **parameters: Any) -> Any:
        """Segments images.

        Args:
            inputs: an image (path, address, base64 text, PIL image, array), a list or generator of images, a torch
                dataset, a `datasets` dataset or column; or of dicts {"image", "points", "labels"}, as a dataset with
                these columns has them. Lists give a list, generators and datasets an iterator.
            points: points of the image, (x, y) in its pixels; for a list of images a list of them, with None for an
                image without. None: ordinary instance segmentation.
            labels: for each point its class, a name, an id or None; None where no class is known.
            threshold: lowest score of an instance without points, 0 to 1 (default 0); a point always gets its mask.
            mask_format: "pil" (L image, 0 and 255; default), "rle" (COCO), "polygon" (COCO) or "numpy" (bool). With
                "rle" and "polygon" the results can be written as JSON.
            top_k: classes listed for a point without a class (default 5); without points the most instances an image.
            level_strategy: how a point chooses its pyramid level, see `post_process_point_instance_segmentation`.
            refiner: a MaskRefineNet, its repository, or a `point-mask-refinement` pipeline, for points.
            timeout: seconds to wait for an image's address; None (default) is for ever.
            batch_size, num_workers: as in transformers' pipelines; images of one size go through the network together,
                so that a batch gives what its images give alone.

        Returns:
            For each image a list of dicts with `label`, `label_id`, `score` and `mask`. With points there is one a
            point, in their order, which also has `point`, `level` (0 for P2 … 4 for P6), `level_scores`,
            `point_in_mask`, `background_score` (0 to 1, high where no object is), `alternatives` (the best classes of a
            click without a label, with their scores) and, with a refiner, `rough_mask`.
        """
        if labels is not None and points is None:
            raise ValueError("labels are given without points; give both, or both inside of the items")
        return self.run(inputs, {"points": points, "labels": labels}, parameters)

    def _sanitize_parameters(
        self,
        threshold: float | None = None,
        mask_format: str | None = None,
        top_k: int | None = None,
        level_strategy: str | None = None,
        refiner: Any = None,
        timeout: float | None = None,
        **unknown: Any,
    ) -> tuple[dict, dict, dict]:
        if unknown:
            raise TypeError(f"unknown parameters {sorted(unknown)}; see PointInstanceSegmentationPipeline.__call__")
        if threshold is not None and not (isinstance(threshold, numbers.Real) and threshold >= 0):
            raise ValueError(f"threshold is {threshold!r}; it takes a score, 0 to 1")
        if top_k is not None and (not isinstance(top_k, numbers.Integral) or top_k < 1):
            raise ValueError(f"top_k is {top_k!r}; it takes a whole number of at least 1")
        forward = {"threshold": threshold, "top_k": top_k, "level_strategy": level_strategy}
        forward["refiner"] = self._as_refiner(refiner)
        return given({"timeout": timeout}), given(forward), given({"mask_format": checked_mask_format(mask_format)})

    def _as_refiner(self, refiner: Any) -> PointMaskRefinementPipeline | None:
        """As `as_refiner`, but a repository is loaded once, however many calls name it."""
        if not isinstance(refiner, (str, Path)):
            return as_refiner(refiner, getattr(self, "device", None), None)
        if str(refiner) not in self._loaded_refiners:
            self._loaded_refiners[str(refiner)] = as_refiner(refiner, self.device, self.model.dtype)
        return self._loaded_refiners[str(refiner)]

    def checked_prompts(self, image: Image.Image, name: str, points: Any, labels: Any) -> dict[str, Any]:
        """`points` (N, 2) and `labels` (N class ids or None) of one image; both None without points."""
        if points is None:
            return {"points": None, "labels": None}
        points = checked_points(points, image, name)
        return {"points": points, "labels": checked_labels(labels, len(points), self.model.config.id2label, name)}

    def preprocess(self, inputs: Any, timeout: float | None = None) -> dict[str, Any]:
        item = read_item(inputs, timeout)
        prompts = self.checked_prompts(item["image"], item["name"], item.get("points"), item.get("labels"))
        encoded = self.image_processor(images=[item["image"]], return_tensors="pt")
        tensors = {"pixel_values": encoded["pixel_values"], "pixel_mask": encoded.get("pixel_mask")}
        return {"image": item["image"], "name": item["name"], **prompts, **tensors}

    def encode(self, image: Any) -> EncodedImage:
        """Runs the network once; every click on the result then costs its decoding only.

        Example:
            ```python
            session = segmenter.encode("photo.jpg")
            session(points=[(120, 80)])
            session(points=[(300, 210)], labels=["dog"])
            ```
        """
        item = as_items(image)
        if not isinstance(item, dict):
            raise ValueError("encode takes one image; call it for each of several")
        item = self.preprocess(item)
        with self.device_placement(), self.get_inference_context()():
            return EncodedImage(self, item["image"], item["name"], self._encode([item]))

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
            groups[*item["pixel_values"].shape[-2:], item["points"] is None].append(index)
        results: list[Any] = [None] * len(items)
        for indices in groups.values():
            group = [items[index] for index in indices]
            for index, found in zip(indices, self.decode(self._encode(group), group, **parameters), strict=True):
                results[index] = found
        return ModelOutput(instances=results if isinstance(model_inputs, list) else results[0])

    def decode(
        self,
        outputs: ModelOutput,
        items: Sequence[dict[str, Any]],
        threshold: float = 0.0,
        top_k: int | None = None,
        level_strategy: str = "adaptive",
        refiner: PointMaskRefinementPipeline | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Instances of items that went through the network together: all with points, or all without."""
        sizes = [(item["image"].height, item["image"].width) for item in items]
        if items[0]["points"] is None:
            found = self.image_processor.post_process_instance_segmentation(
                outputs, threshold=threshold, target_sizes=sizes, return_binary_maps=True, top_k=top_k
            )
            return [
                [{"mask": mask, **info} for mask, info in zip(one["segmentation"], one["segments_info"], strict=True)]
                for one in found
            ]
        found = self.image_processor.post_process_point_instance_segmentation(
            outputs,
            [item["points"] for item in items],
            [item["labels"] for item in items],
            target_sizes=sizes,
            level_strategy=level_strategy,
            **given({"top_k": top_k}),
        )
        for item, instances in zip(items, found, strict=True):
            for instance in instances:
                instance["point"] = item["points"][instance["point_index"]].tolist()  # as given, not as float32
            if refiner or self.refiner:
                self._refine(refiner or self.refiner, item["image"], instances)
        return found

    def _refine(
        self, refiner: PointMaskRefinementPipeline, image: Image.Image, instances: list[dict[str, Any]]
    ) -> None:
        """Replaces the masks by refined ones, in place; the rough ones stay beside them."""
        rough = [instance["mask"].cpu().numpy() for instance in instances]
        names = [self.model.config.id2label[instance["label_id"]] for instance in instances]
        refined = refiner.refine(image, rough, [instance["point"] for instance in instances], names)["masks"]
        for instance, mask in zip(instances, refined, strict=True):
            instance["rough_mask"], instance["mask"] = instance["mask"], torch.from_numpy(mask)
            instance["point_in_mask"] = point_in_mask(instance["point"], mask)

    def postprocess(self, model_outputs: ModelOutput, mask_format: str = "pil") -> list[dict[str, Any]]:
        names = self.model.config.id2label
        results = []
        for instance in model_outputs["instances"]:
            label_id = instance["label_id"]
            result = {"label": names[label_id], "label_id": label_id, "score": instance["score"]}
            result["mask"] = formatted(instance["mask"], mask_format)
            result |= {name: instance[name] for name in ABOUT_POINTS if name in instance}
            if "alternatives" in instance:
                result["alternatives"] = [{"label": names[a["label_id"]], **a} for a in instance["alternatives"]]
            if "rough_mask" in instance:
                result["rough_mask"] = formatted(instance["rough_mask"], mask_format)
            results.append(result)
        return results
