# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pipeline `point-instance-segmentation`: image and points in, instances out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers.utils import ModelOutput

from ..models.solov2.decoding_solov2 import DecodingSettings, prepared_for_clicks
from ..models.solov2.frame_results_solov2 import DEFAULT_FORM, PointResultForm
from ..models.solov2.tiled_solov2 import EncodedTiles, encode_tiles, instances_of_tiles, points_of_tiles
from ..ops.parameter_checks import check_at_least_one, check_score
from ..ops.points import point_in_mask
from ..ops.rle import encode_mask
from ..ops.user_error import UserError
from .base import ImagePipeline, unknown_parameter
from .inputs import as_items, given, read_item
from .outputs import COMPACT_FORMATS, check_mask_format, formatted
from .refiners import Refiner, as_refiner, refined_masks
from .validation import checked_prompts

OFFERED_STRATEGIES = ("adaptive", "finest")
PARAMETERS = (
    "threshold", "mask_format", "top_k", "level_strategy", "refiner", "tile_size", "timeout", "batch_size",
    "num_workers",
)  # fmt: skip
POINT_KEYS = ("point", "level", "level_scores", "point_in_mask", "background_score")  # results of points only


class EncodedImage:
    """One image that went through the network; call it with points any number of times.

    Created by `PointInstanceSegmentationPipeline.encode`. It holds the network's outputs on the device of the model:
    about one sixteenth of the canvas' pixels (of all tiles) times the number of kernel channels, in floats.

    Args:
        pipeline: pipeline that encoded the image.
        item: the preprocessed image without prompts.
        outputs: outputs of the network, in float32; for an image in tiles those of all tiles.
    """

    def __init__(
        self, pipeline: "PointInstanceSegmentationPipeline", item: dict[str, Any], outputs: ModelOutput | EncodedTiles
    ):
        self.pipeline, self.item, self.outputs = pipeline, item, outputs
        self.image: Image.Image = item["image"]
        self.name: str = item["name"]

    def __call__(self, points: Any = None, labels: Any = None, **parameters: Any) -> list[dict[str, Any]]:
        """Return the instances of points, or all instances without points.

        Parameters and results are those of the pipeline. Several points give the same instances in one call and in
        one call each.
        """
        pipe = self.pipeline
        # Parameters of the call override those of the pipeline.
        preparation, forward, post = pipe._sanitize_parameters(**parameters)
        if preparation:
            raise UserError(f"{min(preparation)} has no effect on an image that is encoded already; set it before")
        if labels is not None and points is None:
            raise UserError("labels are given without points; give both")
        forward, post = {**pipe._forward_params, **forward}, {**pipe._postprocess_params, **post}
        prompts = checked_prompts(points, labels, self.image, pipe.model.config.id2label, self.name)
        item = {**self.item, **prompts}
        with pipe.device_placement(), pipe.get_inference_context()():
            found = pipe.decode(self.outputs, [item], **forward)[0]
        return pipe.postprocess(ModelOutput(instances=found), **post)


class PointInstanceSegmentationPipeline(ImagePipeline):
    """Segment one instance per point; without points, run ordinary instance segmentation.

    Args:
        refiner: refiner of every call, see `__call__`.

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
        self._loaded_refiners: dict[str, Refiner] = {}
        super().__init__(*args, **kwargs)
        self.refiner = self._as_refiner(refiner)

    def __call__(self, inputs: Any, points: Any = None, labels: Any = None, **parameters: Any) -> Any:
        """Segment one instance per point, or all instances of images without points.

        Args:
            inputs: an image (path, URL, base64 text, PIL image, array), a list or generator of images, a torch dataset,
                a `datasets` dataset or column; or of dicts {"image", "points", "labels"}, as in the rows of a dataset
                with these columns. Lists give a list, generators and datasets an iterator.
            points: points of the image, (x, y) in its pixels; for a list of images a list of them, with None for an
                image without points. None runs ordinary instance segmentation.
            labels: class of each point: a name, an id or None; None if no class is known.
            threshold: lowest score of an instance without points, 0 to 1 (default 0); a point always gets its mask.
            mask_format: "pil" (L image, 0 and 255; default), "rle" (COCO), "polygon" (COCO) or "numpy" (bool). Results
                with "rle" and "polygon" can be written as JSON.
            top_k: number of classes in `alternatives` of a point of unknown class (default 5); without points the most
                instances per image.
            level_strategy: "adaptive" (default) lets each point choose its pyramid level, "finest" always takes P2.
            refiner: refiner of the masks of points: "general" (that of the package), a MaskRefineNet, its repository or
                folder, a `point-mask-refinement` pipeline, or a callable (image, rough masks (N, H, W), points, class
                names) → masks (N, H, W), see `Refiner`; an image with many points is refined in several calls.
            tile_size: side in pixels of overlapping square tiles, in which an image larger than the network's input is
                segmented: that of the images that the model was trained on, so that objects have the size it knows.
                Neighbors overlap by a quarter, so that an object up to this size is whole in a tile, and found once;
                larger ones are joined. None (default) takes that of the model, by default whole images.
            timeout: seconds to wait for an image's URL; None (default) waits forever.
            batch_size, num_workers: as in transformers' pipelines; images of one size go through the network together,
                so that a batch gives the same results as its images one by one.

        Returns:
            For each image a list of dicts with `label`, `label_id`, `score` and `mask`. With points there is one dict
            per point, in their order, which also has `point`, `level` (0 for P2 … 4 for P6), `level_scores`,
            `point_in_mask`, `background_score` (0 to 1, high where no object is), `alternatives` (the best classes and
            their scores, for a click without a label) and, with a refiner, `rough_mask`.

        Raises:
            TypeError: unknown parameter, or an object that is not an image or not a refiner.
            UserError: bad value; the message names the image, the value and the remedy.
        """
        if labels is not None and points is None:
            raise UserError("labels are given without points; give both, or both inside the items")
        return self.run(inputs, {"points": points, "labels": labels}, parameters)

    def _sanitize_parameters(
        self,
        threshold: float | None = None,
        mask_format: str | None = None,
        top_k: int | None = None,
        level_strategy: str | None = None,
        refiner: Any = None,
        tile_size: int | None = None,
        timeout: float | None = None,
        **unknown: Any,
    ) -> tuple[dict, dict, dict]:
        # Refuse what no step of the pipeline accepts.
        if unknown:
            raise unknown_parameter(unknown, ("points", "labels", *PARAMETERS), "PointInstanceSegmentationPipeline")
        check_at_least_one("top_k", top_k)
        check_at_least_one("tile_size", tile_size)
        if threshold is not None:
            check_score("threshold", threshold)
        if level_strategy is not None and level_strategy not in OFFERED_STRATEGIES:
            raise UserError(f"level_strategy must be one of {OFFERED_STRATEGIES}, got {level_strategy!r}")
        if mask_format is not None:
            check_mask_format(mask_format)
        # Parameters of preprocess, _forward and postprocess; those that are not given keep their defaults.
        preprocess = {"timeout": timeout, "tile_size": tile_size}
        forward = {
            "threshold": threshold,
            "top_k": top_k,
            "level_strategy": level_strategy,
            "refiner": self._as_refiner(refiner),
            "mask_format": mask_format,
        }
        postprocess = {"mask_format": mask_format}
        return given(preprocess), given(forward), given(postprocess)

    def _as_refiner(self, refiner: Any) -> Refiner | None:
        """Return a refiner as a callable, or None; a repository is loaded once, however many calls name it."""
        if refiner is None:
            return None
        # Only repositories and folders are loaded, and kept for later calls.
        if not isinstance(refiner, (str, Path)):
            return as_refiner(refiner, getattr(self, "device", None))
        if str(refiner) not in self._loaded_refiners:
            self._loaded_refiners[str(refiner)] = as_refiner(refiner, self.device, self.model.dtype)
        return self._loaded_refiners[str(refiner)]

    def preprocess(self, inputs: Any, timeout: float | None = None, tile_size: int | None = None) -> dict[str, Any]:
        """Decode an item's image, check its prompts and make the network's input, unless it is cut into tiles later."""
        item = read_item(inputs, timeout)
        image, name = item["image"], item["name"]
        prompts = checked_prompts(item.get("points"), item.get("labels"), image, self.model.config.id2label, name)
        checked = {"image": image, "name": name, **prompts}
        tile_size = tile_size or self.image_processor.tile_size
        if tile_size is not None:
            return {**checked, "tile_size": tile_size}
        # Only the image is scaled and padded; prompts stay in its own pixels.
        encoded = self.image_processor(images=[image], return_tensors="pt")
        return {**checked, "pixel_values": encoded["pixel_values"], "pixel_mask": encoded.get("pixel_mask")}

    def encode(self, image: Any, tile_size: int | None = None) -> EncodedImage:
        """Run the network once, so that every click on the image costs only its decoding.

        Example:
            ```python
            session = segmenter.encode("photo.jpg")
            session(points=[(120, 80)])
            session(points=[(300, 210)], labels=["dog"])
            ```
        """
        item = as_items(image)
        if not isinstance(item, dict):
            raise UserError("encode takes one image; call it once per image")
        check_at_least_one("tile_size", tile_size)
        item = self.preprocess(item, tile_size=tile_size or self._preprocess_params.get("tile_size"))
        with self.device_placement(), self.get_inference_context()():
            outputs = self._encode([item])
            # The network's input is not needed any more; every click decodes in the same form.
            item = {name: value for name, value in item.items() if not name.startswith("pixel")}
            if "tile_size" in item:
                return EncodedImage(self, item, [(prepared_for_clicks(part), frames) for part, frames in outputs])
            return EncodedImage(self, item, prepared_for_clicks(outputs))

    def _encode(self, items: Sequence[dict[str, Any]]) -> ModelOutput | EncodedTiles:
        """Return the network's outputs for items whose images have the same size, or for one item in tiles."""
        if "tile_size" in items[0]:
            (item,) = items
            # Points are decoded in few of the tiles; all others are left out.
            image, tile_size = item["image"], item["tile_size"]
            network = self.model.encode
            return encode_tiles(network, self.image_processor, image, tile_size, self.device, item["points"])
        pixel_values = torch.cat([item["pixel_values"] for item in items]).to(self.device)
        pixel_mask = None
        if items[0]["pixel_mask"] is not None:
            pixel_mask = torch.cat([item["pixel_mask"] for item in items]).to(self.device)
        return self.model.encode(pixel_values, pixel_mask)

    def _forward(self, model_inputs: Any, **parameters: Any) -> ModelOutput:
        if not isinstance(model_inputs, list):  # one image
            return ModelOutput(instances=self.decode(self._encode([model_inputs]), [model_inputs], **parameters)[0])
        # Images of one padded size run together, so that a batch gives the same results as its images one by one.
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for index, item in enumerate(model_inputs):
            # Each image in tiles is a batch of its own.
            own = (index,) if "tile_size" in item else tuple(item["pixel_values"].shape[-2:])
            groups[*own, item["points"] is None].append(index)
        results: list[Any] = [None] * len(model_inputs)
        for indices in groups.values():
            group = [model_inputs[index] for index in indices]
            decoded = self.decode(self._encode(group), group, **parameters)
            # Results return to the order of the inputs.
            for index, instances in zip(indices, decoded, strict=True):
                results[index] = instances
        return ModelOutput(instances=results)

    def decode(
        self,
        outputs: ModelOutput | EncodedTiles,
        items: Sequence[dict[str, Any]],
        threshold: float = 0.0,
        top_k: int | None = None,
        level_strategy: str = "adaptive",
        refiner: Refiner | None = None,
        mask_format: str = "pil",
    ) -> list[list[dict[str, Any]]]:
        """Decode items that went through the network together: all with points, or all without.

        Args:
            outputs: outputs of the network for these items, or for the tiles of one item.
            items: dicts with `image`, `name` and the checked `points` and `labels`.
            threshold: lowest score of an instance without points.
            top_k: see `__call__`.
            level_strategy: see `__call__`.
            refiner: refiner of this call; that of the pipeline if None.
            mask_format: see `__call__`. For formats that do not hold every pixel, masks are RLEs, encoded one at a
                time; else they are bool tensors or arrays. Rough masks are always RLEs.

        Returns:
            For each item the instances of the image processor's post-processing.
        """
        refiner = refiner or self.refiner
        as_rle = mask_format in COMPACT_FORMATS
        if items[0]["points"] is None:
            return self._decode_instances(outputs, items, threshold, top_k, as_rle)
        form = PointResultForm(DEFAULT_FORM.top_k if top_k is None else top_k, as_rle or refiner is not None)
        found = self._decode_points(outputs, items, level_strategy, form)
        # The refiner sees one image at a time.
        if refiner is not None:
            for item, instances in zip(items, found, strict=True):
                self._refine(refiner, item["image"], item["name"], instances, as_rle)
        return found

    def _decode_instances(
        self,
        outputs: ModelOutput | EncodedTiles,
        items: Sequence[dict[str, Any]],
        threshold: float,
        top_k: int | None,
        as_rle: bool,
    ) -> list[list[dict[str, Any]]]:
        """Return the instances of items without points, each with `mask`, `label_id` and `score`, best first."""
        if "tile_size" in items[0]:
            settings = DecodingSettings.of(self.model.config)
            settings = settings if top_k is None else replace(settings, max_detections=top_k)
            masks, labels, scores = instances_of_tiles(outputs, settings, threshold, top_k)
            instances = []
            for mask, label_id, score in zip(masks, labels.tolist(), scores.tolist(), strict=True):
                pixels = mask.rle() if as_rle else mask.dense()
                instances.append({"mask": pixels, "label_id": label_id, "score": score})
            return [instances]
        found = self.image_processor.post_process_instance_segmentation(
            outputs,
            threshold=threshold,
            target_sizes=[(item["image"].height, item["image"].width) for item in items],
            return_coco_annotation=as_rle,
            return_binary_maps=not as_rle,
            top_k=top_k,
        )
        return [_ordinary_instances(one) for one in found]

    def _decode_points(
        self,
        outputs: ModelOutput | EncodedTiles,
        items: Sequence[dict[str, Any]],
        level_strategy: str,
        form: PointResultForm,
    ) -> list[list[dict[str, Any]]]:
        """Return one instance per point of each item."""
        # Points and labels were checked with the images, before the network ran.
        if "tile_size" in items[0]:
            (item,) = items
            prompts = (item["points"], item["labels"], item["tile_size"])
            settings = DecodingSettings.of(self.model.config)
            return [points_of_tiles(outputs, *prompts, settings, level_strategy, form)]
        return self.image_processor.decode_checked_points(
            outputs,
            [item["points"] for item in items],
            [item["labels"] for item in items],
            [(item["image"].height, item["image"].width) for item in items],
            level_strategy=level_strategy,
            form=form,
        )

    def _refine(
        self, refiner: Refiner, image: Image.Image, name: str, instances: list[dict[str, Any]], as_rle: bool
    ) -> None:
        """Replace the masks of one image by refined ones, in place; the rough ones stay as `rough_mask`."""
        # Refiners are independent of the model: they take arrays and class names.
        rough = [instance["mask"] for instance in instances]
        points = [instance["point"] for instance in instances]
        labels = [self.model.config.id2label[instance["label_id"]] for instance in instances]
        for instance, mask in zip(instances, refined_masks(refiner, image, rough, points, labels, name), strict=True):
            instance["rough_mask"], instance["mask"] = instance["mask"], encode_mask(mask) if as_rle else mask
            instance["point_in_mask"] = point_in_mask(instance["point"], mask)

    def postprocess(self, model_outputs: ModelOutput, mask_format: str = "pil") -> list[dict[str, Any]]:
        """Return one dict per instance, see `__call__`."""
        names = self.model.config.id2label
        results = []
        for instance in model_outputs["instances"]:
            label_id = instance["label_id"]
            result = {"label": names[label_id], "label_id": label_id, "score": instance["score"]}
            result["mask"] = formatted(instance["mask"], mask_format)
            # Values of points and of a refiner appear only where they exist.
            result |= {key: instance[key] for key in POINT_KEYS if key in instance}
            if "alternatives" in instance:
                result["alternatives"] = [{"label": names[a["label_id"]], **a} for a in instance["alternatives"]]
            if "rough_mask" in instance:
                result["rough_mask"] = formatted(instance["rough_mask"], mask_format)
            results.append(result)
        return results


def _ordinary_instances(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the instances of one image without points as dicts with `mask`, `label_id` and `score`."""
    return [{"mask": mask, **info} for mask, info in zip(found["segmentation"], found["segments_info"], strict=True)]
