# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Many clicks on one image: the network runs once, each click costs its decoding only."""

from typing import TYPE_CHECKING, Any

from PIL import Image
from transformers.utils import ModelOutput

if TYPE_CHECKING:
    from .point_instance_segmentation import PointInstanceSegmentationPipeline


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
