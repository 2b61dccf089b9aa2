# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pipeline `point-instance-segmentation` on ONNX files: image and points in, instances out."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..ops.images import image_of_array, read_image
from ..ops.parameter_checks import check_at_least_one, check_score
from ..ops.point_prompts import checked_labels, checked_points, label_id
from ..ops.points import pixel_of, point_in_mask
from ..ops.polygons import mask_to_polygons
from ..ops.rle import RLE, decode_rle, encode_mask, encode_window, rle_covers
from ..ops.tile_merging import TileMasks, merge_masks
from ..ops.tiles import Window, most_central_windows, tile_windows
from ..ops.user_error import UserError, UserFileNotFoundError
from .encoded_tiles import EncodedTile, encode_tiles
from .mask_enlarging import enlarged_mask
from .mask_suppression import kept_detections
from .network_inputs import InputFrame
from .object_crops import crops_of_objects, refined_crop
from .onnx_graphs import Provider, opener

CONFIG_FILE = "config.json"
CROPS_PER_PASS = 64  # most crops that go through the refiner together
REFINED_PIXELS = 2**28  # most pixels of rough masks that are decoded together, one byte each
MASK_PIXELS_PER_PASS = 2**24  # pixels of masks that the point decoder computes together: 64 MiB
LEVELS = {"adaptive": -1, "finest": 0}  # what the point decoder takes for each strategy
NUM_LEVELS = 5
# Converters of compressed masks
FORMATS: dict[str, Callable[[RLE], Any]] = {
    "pil": lambda mask: Image.fromarray(decode_rle(mask).astype(np.uint8) * 255),
    "rle": lambda mask: mask,
    "polygon": lambda mask: mask_to_polygons(decode_rle(mask)),
    "numpy": decode_rle,
}


class OnnxPointSegmenter:
    """Segment one instance per point; without points, run ordinary instance segmentation.

    Args:
        folder: folder that `pointwssis onnx` has written.
        int8: run the encoder with 8-bit weights and features, if the folder has it.
        threads: threads per operation; None leaves the choice to onnxruntime.
        providers: execution providers of onnxruntime in order of preference, each a name such as
            "CUDAExecutionProvider", or a name with its options.

    Raises:
        UserError: onnxruntime is missing or has none of the providers, or the folder lacks a file.

    Example:
        ```python
        segmenter = OnnxPointSegmenter("out")
        segmenter("photo.jpg", points=[(120, 80), (300, 210)], labels=["dog", None])
        session = segmenter.encode("photo.jpg")  # each click then costs only its decoding
        session(points=[(120, 80)])
        ```
    """

    def __init__(
        self,
        folder: str | Path,
        int8: bool = False,
        threads: int | None = None,
        providers: Sequence[Provider] = ("CPUExecutionProvider",),
    ):
        self.folder = Path(folder)
        path = self.folder / CONFIG_FILE
        if not path.is_file():
            raise UserFileNotFoundError(f"{path}: not found; give a folder that `pointwssis onnx` has written")
        try:
            self.config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not valid JSON ({error}); write it again with `pointwssis onnx`") from error
        self.id2label = {int(index): name for index, name in self.config["id2label"].items()}
        open_graph = opener(threads, providers)
        self._encoder = open_graph(self.folder / ("encoder_int8.onnx" if int8 else "encoder.onnx"))
        self._point_decoder = open_graph(self.folder / "point_decoder.onnx")
        self._detector = open_graph(self.folder / "detector.onnx")
        self._refiner = None
        if self.config["refiner"] is not None:
            self._refiner = open_graph(self.folder / "refiner.onnx")

    def __call__(
        self, image: Any, points: Any = None, labels: Any = None, tile_size: int | None = None, **parameters: Any
    ) -> list[dict[str, Any]]:
        """Segment one instance per point, or all instances without points.

        Args:
            image: as in `encode`.
            points: N pairs (x, y) in pixels of the upright image; None runs ordinary instance segmentation.
            labels: class of each point: a name, an id, or None; None if no class is known.
            tile_size: as in `encode`.
            parameters: those of `EncodedImage.__call__`.

        Returns:
            The instances, as `EncodedImage.__call__` returns them.
        """
        # The outputs of a tile are dropped once it is decoded, and tiles without a point are not encoded.
        return self._opened(image, tile_size)(points, labels, **parameters)

    def encode(self, image: Any, tile_size: int | None = None) -> "EncodedImage":
        """Run the encoder once, so that every click on the image costs only its decoding.

        The outputs of all tiles stay in memory; a call without `encode` keeps those of few.

        Args:
            image: a path, the bytes of an image file, a PIL image, or an array: (H, W, 3) uint8 RGB or (H, W) gray.
            tile_size: side in pixels of overlapping square tiles, each of which is scaled like an image of the
                training; None takes that of the model, which is none unless it was trained on tiles.

        Raises:
            UserError: the image cannot be read, or `tile_size` is invalid.
        """
        opened = self._opened(image, tile_size)
        kept = {tile.frame.window: tile for tile in opened.encoded(opened.windows)}
        tiles_of = partial(map, kept.__getitem__)
        return EncodedImage(self, opened.image, opened.name, opened.windows, tiles_of)

    def _opened(self, image: Any, tile_size: int | None) -> "EncodedImage":
        """Return an image whose tiles go through the encoder when they are needed; arguments as in `encode`."""
        name = str(image) if isinstance(image, (str, Path)) else getattr(image, "filename", "") or "the image"
        check_at_least_one("tile_size", tile_size)
        pixels = read_image(image_of_array(image) if isinstance(image, np.ndarray) else image)
        settings = self.config["image_processor"]
        if tile_size is not None:
            settings = {**settings, "tile_size": tile_size}
        windows = tile_windows(pixels.height, pixels.width, settings["tile_size"])
        return EncodedImage(self, pixels, name, windows, partial(encode_tiles, self._encoder, pixels, settings))

    def refine(
        self, image: Image.Image, rough_masks: Sequence[np.ndarray], points: np.ndarray, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Return the refined masks of one image; an object whose refined mask is empty keeps its rough one.

        Args:
            image: RGB image.
            rough_masks: N masks, (height, width) bool.
            points: (N, 2), (x, y) in pixels of the image.
            labels: N class names.

        Raises:
            UserError: the folder has no refiner, or the refiner does not know a class.
        """
        if self._refiner is None:
            raise UserError(f"{self.folder}: has no refiner; write it with `pointwssis onnx MODEL OUT --refiner …`")
        settings = self.config["refiner"]
        inside = np.minimum(points, (image.width - 1, image.height - 1))
        pixels = np.asarray(image)
        refined: list[np.ndarray] = []
        for start in range(0, len(rough_masks), CROPS_PER_PASS):
            chunk = slice(start, start + CROPS_PER_PASS)
            inputs, boxes = crops_of_objects(pixels, rough_masks[chunk], inside[chunk], settings["image_processor"])
            if settings["class_conditional"]:
                names = {int(index): name for index, name in settings["id2label"].items()}
                ids = [
                    label_id(label, names, f"mask {start + k} for the refiner") for k, label in enumerate(labels[chunk])
                ]
                inputs["class_labels"] = np.array(ids, np.int64)
            (probabilities,) = self._refiner(**inputs)
            # Crops → masks of the image.
            for rough, part, box in zip(rough_masks[chunk], probabilities, boxes, strict=True):
                x0, y0, x1, y1 = box
                mask = np.zeros(rough.shape, bool)
                mask[y0:y1, x0:x1] = refined_crop(part, box)
                refined.append(mask if mask.any() else rough)
        return refined


class EncodedImage:
    """One image that went through the encoder; call it with points any number of times.

    Args:
        segmenter: the segmenter.
        image: upright RGB image.
        name: name of the image in messages.
        windows: its tiles, or the whole image as the only one.
        encoded: function that returns the tiles of some of these windows, in their order.
    """

    def __init__(
        self,
        segmenter: OnnxPointSegmenter,
        image: Image.Image,
        name: str,
        windows: Sequence[Window],
        encoded: Callable[[Sequence[Window]], Iterable[EncodedTile]],
    ):
        self.segmenter, self.image, self.name, self.windows, self.encoded = segmenter, image, name, windows, encoded

    def __call__(
        self,
        points: Any = None,
        labels: Any = None,
        threshold: float = 0.0,
        mask_format: str = "pil",
        top_k: int | None = None,
        level_strategy: str = "adaptive",
        refine: bool | None = None,
    ) -> list[dict[str, Any]]:
        """Return the instances of points, or all instances without points.

        Args:
            points: N pairs (x, y) in pixels of the upright image, or None.
            labels: class of each point: a name, an id, or None; None if no class is known.
            threshold: lowest score of an instance without points, 0 to 1.
            mask_format: "pil" (L image, 0 and 255), "rle" (COCO), "polygon" (COCO), or "numpy" (bool).
            top_k: number of classes in `alternatives` of a point of unknown class (default 5); without points the most
                instances.
            level_strategy: "adaptive" lets each point choose its pyramid level, "finest" always takes P2.
            refine: refine the masks of points; None does so if the folder has a refiner.

        Returns:
            The dicts of the pipeline: `label`, `label_id`, `score`, `mask`, and of points also `point`, `level`,
            `level_scores`, `point_in_mask`, `background_score`, `alternatives`, and, if refined, `rough_mask`. `box` is
            the extent of the mask, (x_min, y_min, x_max, y_max) with exclusive maximum, zeros for an empty one.

        Raises:
            UserError: a value is invalid; the message names it and the remedy.
        """
        for name, value, known in (("mask_format", mask_format, FORMATS), ("level_strategy", level_strategy, LEVELS)):
            if value not in known:
                raise UserError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
        check_score("threshold", threshold)
        check_at_least_one("top_k", top_k)
        if labels is not None and points is None:
            raise UserError("labels are given without points; give both")
        if points is None:
            instances = self._detected(threshold, top_k)
        else:
            array = checked_points(points, self.image, self.name)
            ids = checked_labels(labels, len(array), self.segmenter.id2label, self.name)
            class_ids = np.array([-1 if one is None else one for one in ids], np.int64)
            instances = self._of_points(array, class_ids, LEVELS[level_strategy], 5 if top_k is None else top_k)
            if refine or (refine is None and self.segmenter.config["refiner"] is not None):
                self._refine(instances, array)
        # Masks in the requested form
        for instance in instances:
            for key in ("mask", "rough_mask"):
                if key in instance:
                    instance[key] = FORMATS[mask_format](instance[key])
        return instances

    def _mask_and_box(self, pixels: np.ndarray, window: Window) -> dict[str, Any]:
        """Return `mask`, compressed because many dense ones of a large image would not fit into memory, and `box`."""
        size = (self.image.height, self.image.width)
        box = _box(pixels, window.left, window.top)
        return {"mask": encode_window(pixels, window.left, window.top, size), "box": box}

    def _mask(self, frame: InputFrame, probabilities: np.ndarray) -> tuple[np.ndarray, Window]:
        """Return the mask of one tile in its window of the image."""
        threshold = self.segmenter.config["decoding"]["mask_threshold"]
        pixels, window = enlarged_mask(probabilities, frame.valid_size, frame.window.size, threshold)
        left, top = frame.window.left, frame.window.top
        return pixels, Window(window.left + left, window.top + top, window.right + left, window.bottom + top)

    def _detected(self, threshold: float, top_k: int | None) -> list[dict[str, Any]]:
        """Return the instances of ordinary instance segmentation, best first."""
        # `max_detections` limits each tile, and `top_k` the whole image.
        parts, size = self._detected_in_tiles(threshold, top_k), (self.image.height, self.image.width)
        merged = next(parts)[1:] if len(self.windows) == 1 else merge_masks(parts, size, top_k)
        instances = []
        for (pixels, window), label, score in zip(*merged, strict=True):
            instance = {"label": self.segmenter.id2label[label], "label_id": label, "score": score}
            instances.append({**instance, **self._mask_and_box(pixels, window)})
        return instances

    def _detected_in_tiles(self, threshold: float, top_k: int | None) -> Iterator[TileMasks]:
        """Yield the instances of each tile."""
        settings = self.segmenter.config["decoding"]
        limit = settings["max_detections"] if top_k is None else top_k
        for frame, outputs in self.encoded(self.windows):
            masks, labels, scores, _ = self.segmenter._detector(**outputs._asdict())
            kept, scores = kept_detections(masks, labels, scores, settings)
            kept, scores = kept[:limit], scores[:limit]
            kept, scores = kept[scores >= threshold], scores[scores >= threshold]
            found = [self._mask(frame, masks[index]) for index in kept]
            yield TileMasks(frame.window, found, labels[kept].tolist(), scores.tolist())
            del outputs  # before the next ones are computed

    def _of_points(self, points: np.ndarray, labels: np.ndarray, level: int, top_k: int) -> list[dict[str, Any]]:
        """Return one instance per point; each is decoded in the tile in which it is most central."""
        owners = np.zeros(len(points), np.int64)
        if len(self.windows) > 1:
            owners = most_central_windows(points, list(self.windows), self.image.height, self.image.width)
        rows_of = {self.windows[owner]: np.flatnonzero(owners == owner) for owner in np.unique(owners).tolist()}
        instances: list[Any] = [None] * len(points)
        for tile in self.encoded(list(rows_of)):
            for row, result in self._decoded(tile, rows_of[tile.frame.window], points, labels, level):
                found = self._mask_and_box(*self._mask(tile.frame, result["masks"]))
                label, scores = result["labels"], result["class_scores"]
                names, pixel = self.segmenter.id2label, pixel_of(points[row], self.image.height, self.image.width)
                alternatives = []
                if labels[row] < 0:
                    for index in np.argsort(-scores, kind="stable")[:top_k].tolist():
                        alternatives.append({"label": names[index], "label_id": index, "score": float(scores[index])})
                instances[row] = {
                    "label": names[int(label)],
                    "label_id": int(label),
                    "score": float(result["scores"]),
                    **found,
                    "point": points[row].tolist(),
                    "level": int(result["levels"]),
                    "level_scores": result["level_scores"].tolist(),
                    "point_in_mask": rle_covers(found["mask"], *pixel),
                    "background_score": float(result["background_scores"]),
                    "alternatives": alternatives,
                }
            del tile  # before the next one is computed
        return instances

    def _decoded(
        self, tile: EncodedTile, rows: np.ndarray, points: np.ndarray, labels: np.ndarray, level: int
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield the rows of points of one tile, and the outputs of the point decoder for each."""
        frame, outputs = tile
        decoder = self.segmenter._point_decoder
        step = max(1, MASK_PIXELS_PER_PASS // (NUM_LEVELS * outputs.mask_features[0].size))
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            found = decoder(
                **outputs._asdict(),
                points=frame.on_canvas(points[chunk]),
                point_labels=labels[chunk],
                point_levels=np.full(len(chunk), level, np.int64),
            )
            columns = dict(zip(decoder.output_names, found, strict=True))
            for index, row in enumerate(chunk.tolist()):
                yield row, {name: values[index] for name, values in columns.items()}

    def _refine(self, instances: list[dict[str, Any]], points: np.ndarray) -> None:
        """Replace masks by refined ones, in place; the rough ones stay as `rough_mask`."""
        # Few dense masks at once
        step = max(1, REFINED_PIXELS // (self.image.width * self.image.height))
        for start in range(0, len(instances), step):
            chunk = instances[start : start + step]
            rough = [decode_rle(instance["mask"]) for instance in chunk]
            labels = [instance["label"] for instance in chunk]
            refined = self.segmenter.refine(self.image, rough, points[start : start + step], labels)
            for instance, mask in zip(chunk, refined, strict=True):
                instance["rough_mask"], instance["mask"] = instance["mask"], encode_mask(mask)
                instance["box"] = _box(mask, 0, 0)
                instance["point_in_mask"] = point_in_mask(instance["point"], mask)


def _box(pixels: np.ndarray, left: int, top: int) -> list[int]:
    """Return the extent of a mask in the image, (x_min, y_min, x_max, y_max) with exclusive maximum; zeros for none.

    Args:
        pixels: (h, w) bool in a window of the image.
        left: first column of the window.
        top: first row of the window.
    """
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0]
    return [left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1]
