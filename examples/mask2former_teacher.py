# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Run a recipe with a Mask2Former as the teacher, in place of a trained SOLOv2. It must know the classes of the data.

python examples/mask2former_teacher.py facebook/mask2former-swin-small-coco-instance examples/recipes/coco10.yaml \
    --data_dir data/coco --output_dir outputs/coco10-mask2former

Each point takes the query with the highest class probability x mask probability at the point. Mask2Former needs SciPy.
"""

import argparse
from typing import Any

import torch
from PIL import Image
from transformers import Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessorPil

from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.devices import best_device
from pointwssis.pseudo_labeling import Teacher
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


def mask2former_teacher(name_or_path: str) -> Teacher:
    """Return a Mask2Former as the teacher that `predict_rough_masks` takes."""
    device = best_device()
    model = Mask2FormerForUniversalSegmentation.from_pretrained(name_or_path).to(device).eval()
    processor = Mask2FormerImageProcessorPil.from_pretrained(name_or_path)
    names = model.config.id2label
    ids = {name: index for index, name in names.items()}

    @torch.inference_mode()
    def label_image(image: Image.Image, points: list, labels: list) -> list[dict[str, Any]]:
        # (Q, C) probabilities without "no object", and (Q, H, W) mask probabilities in the frame of the image.
        outputs = model(**processor([image], return_tensors="pt").to(device))
        class_scores = outputs.class_queries_logits[0].softmax(dim=-1)[:, :-1]
        logits, size = outputs.masks_queries_logits.float(), (image.height, image.width)
        masks = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)[0].sigmoid()
        instances = []
        for (x, y), name in zip(points, labels, strict=True):
            scores = class_scores if name is None else class_scores[:, [ids[name]]]
            at_point = masks[:, min(round(y), image.height - 1), min(round(x), image.width - 1)]
            score, best = (scores * at_point[:, None]).flatten().max(dim=0)
            query, label = divmod(int(best), scores.shape[1])
            mask = (masks[query] > 0.5).cpu().numpy()
            instances.append({"mask": encode_mask(mask), "score": float(score), "label": name or names[label]})
        return instances

    return lambda images, points, labels: [label_image(*item) for item in zip(images, points, labels, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub repository")
    options, words = parser.parse_known_args()  # the words are those of `pointwssis run`
    print(Run(Recipe.from_arguments(words), teacher=mask2former_teacher(options.model)).run())


if __name__ == "__main__":
    main()
