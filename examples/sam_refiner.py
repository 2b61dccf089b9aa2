# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Run a recipe with SAM 2 as the refiner, in place of a trained MaskRefineNet.

python examples/sam_refiner.py facebook/sam2.1-hiera-small examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei-sam

SAM 2 proposes several masks per point; the one that overlaps most with the teacher's rough mask is the refined mask.
"""

import argparse

import numpy as np
import torch
from PIL import Image
from transformers import Sam2Model

from pointwssis.ops.devices import best_device
from pointwssis.pseudo_labeling import Refiner
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet, as SAM 2 was trained


def sam2_refiner(name_or_path: str) -> Refiner:
    """Return SAM 2 as the refiner that `refine_rough_masks` takes."""
    device = best_device()
    model = Sam2Model.from_pretrained(name_or_path).to(device).eval()
    side = model.config.prompt_encoder_config.image_size

    @torch.inference_mode()
    def refine(image: Image.Image, rough_masks: np.ndarray, points: list, labels: list) -> np.ndarray:
        # SAM 2 sees a square image, and the points in its frame. (Sam2Processor does the same, but needs torchvision.)
        pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)) / 255
        pixel_values = torch.from_numpy((pixels - MEAN) / STD).float().permute(2, 0, 1)[None]
        scale = torch.tensor([side / image.width, side / image.height])
        input_points = (torch.tensor(points) + 0.5) * scale - 0.5
        outputs = model(pixel_values.to(device), input_points[None, :, None].to(device), multimask_output=True)

        # (N, 3, h, w) logits -> (N, 3, H, W) masks in the frame of the original image.
        logits = outputs.pred_masks[0].float()
        size = (image.height, image.width)
        candidates = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False).cpu() > 0
        rough = torch.from_numpy(rough_masks)[:, None]
        overlap = (candidates & rough).sum((2, 3)) / (candidates | rough).sum((2, 3)).clamp(min=1)
        best = candidates[torch.arange(len(points)), overlap.argmax(dim=1)].numpy()
        return np.where(best.any(axis=(1, 2), keepdims=True), best, rough_masks)  # an empty mask: keep the rough one

    return refine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub repository")
    options, words = parser.parse_known_args()  # the words are those of `pointwssis run`
    print(Run(Recipe.from_arguments(words), refiner=sam2_refiner(options.model)).run())


if __name__ == "__main__":
    main()
