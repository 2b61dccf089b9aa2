# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Convert checkpoints of other projects into folders that `from_pretrained` and `pipeline` load.

The kind of model follows from the file: a SOLOv2 of the authors or of AdelaiDet, a MaskRefineNet, or detectron2's
ImageNet weights of a ResNet. No code of the file is run, and nothing is written unless every weight is recognized.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..data.class_names import COCO_NAMES, read_class_names
from ..hub.cards.released import backbone_name, converted_card, released_card, released_kind
from ..hub.cards.words import listed
from ..models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.solov2.image_processing_pil_solov2 import OFFICIAL_PREPROCESSING, SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.folders import make_folder
from ..ops.user_error import UserError
from . import mask_refine_net as convert_mask_refine_net
from . import solov2 as convert_solov2
from .checkpoints import damaged, existing_file, find_weights, read_checkpoint, refused
from .pickles import RefusedGlobalError, read_array_pickle
from .resnet import CAFFE2_STEM, convert_caffe2_resnet

RELEASED_BACKBONE = "ResNet-101"


@dataclass
class Converted:
    """A converted model that is not saved yet."""

    kind: str  # "teacher", "student", "maskrefinenet" or "backbone"
    model: PreTrainedModel
    image_processor: Any
    source: str  # name of the file

    @property
    def backbone(self) -> str:
        """Return the backbone in words, such as "ResNet-101"."""
        return backbone_name(getattr(self.model.config, "backbone_config", self.model.config))

    @property
    def class_names(self) -> list[str]:
        """Return the class names; a backbone has none."""
        config = self.model.config
        return [] if self.kind == "backbone" else [config.id2label[index] for index in range(config.num_labels)]

    def card(self, repo: str) -> str:
        """Return the card of the released model of this name if the model fits it, else a card about the checkpoint.

        Args:
            repo: Hub repository, or the folder's name.
        """
        name = repo.rpartition("/")[2]
        # A released name is not enough: backbone and classes must be those of that model too.
        fits = self.backbone == RELEASED_BACKBONE and self.class_names == list(COCO_NAMES)
        if released_kind(name) == self.kind and fits:
            return released_card(name)
        class_names = listed(self.class_names, "class", "classes")
        return converted_card(repo, self.kind, self.source, self.backbone, class_names)

    def save(self, folder: Path, repo: str) -> None:
        """Write weights, configuration, image processor and card.

        Args:
            folder: folder that does not exist or is empty.
            repo: Hub repository, or the folder's name; for the card.
        """
        # Write to a temporary folder beside it, so that an interruption leaves no incomplete model.
        make_folder(folder.parent)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            unfinished = Path(temporary) / folder.name
            self.model.save_pretrained(unfinished)
            self.image_processor.save_pretrained(unfinished)
            (unfinished / "README.md").write_text(self.card(repo), encoding="utf-8")
            # An existing folder is empty here, and gives way to the new one.
            if folder.exists():
                folder.rmdir()
            unfinished.rename(folder)


def convert_checkpoint(
    checkpoint: str | Path,
    output_dir: str | Path,
    preset: str | None = None,
    labels: str | Path | None = None,
    repo: str | None = None,
) -> Converted:
    """Convert a checkpoint file into a folder.

    Args:
        checkpoint: `.pth` or `.pt` of `torch.save`, or a `.pkl` of arrays.
        output_dir: a new or an empty folder.
        preset: grids and scale ranges of a SOLOv2, "teacher" or "student" (SOLOv2's defaults). None: "teacher" if the
            repository or folder has the name of a released teacher (`teacher-coco10`), else "student".
        labels: "coco", "bdd100k", or a text file with one class name per line. None: those of COCO for 80 classes, else
            LABEL_0, LABEL_1, ….
        repo: Hub repository for which the folder is made; its name selects the card. Nothing is uploaded.

    Raises:
        UserFileNotFoundError: the checkpoint or the label file is missing.
        UserError: the checkpoint or an argument is invalid; nothing was written.
    """
    folder = Path(output_dir).resolve()
    # A model is never overwritten.
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{output_dir}: exists and is not empty; choose another output_dir or delete it")
    repo = repo or folder.name
    # Grids and scale ranges leave no trace in the weights.
    if preset is None:
        preset = "teacher" if released_kind(repo.rpartition("/")[2]) == "teacher" else "student"
    converted = read_model(Path(checkpoint), preset, labels)
    converted.save(folder, repo)
    return converted


def read_model(path: Path, preset: str, labels: str | Path | None) -> Converted:
    """Read a checkpoint into a model of this package; arguments as in `convert_checkpoint`."""
    if preset not in convert_solov2.PRESETS:
        raise UserError(f"preset must be one of {', '.join(convert_solov2.PRESETS)}; got {preset!r}")
    weights = find_weights(read_file(path), path)
    # The names of the weights reveal the model.
    try:
        # Each kind of model has names that the others lack.
        if any(weight.startswith("ins_head.") for weight in weights):
            model = solov2_model(weights, preset, labels)
            return Converted(preset, model, SOLOv2ImageProcessorPil(**OFFICIAL_PREPROCESSING), path.name)
        if any(weight.startswith(("layer0.", "aspp.")) for weight in weights):
            model = mask_refine_net_model(weights, labels)
            size = {"height": model.config.crop_size, "width": model.config.crop_size}
            processor = MaskRefineNetImageProcessorPil(size=size, box_scale=model.config.box_scale)
            return Converted("maskrefinenet", model, processor, path.name)
        if CAFFE2_STEM in weights:
            model = convert_caffe2_resnet(weights)
            return Converted("backbone", model, SOLOv2ImageProcessorPil(**OFFICIAL_PREPROCESSING), path.name)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    raise UserError(
        f"{path}: holds neither a SOLOv2 (ins_head.…), nor a MaskRefineNet (layer0.…, aspp.…), nor detectron2's "
        f"ImageNet weights ({CAFFE2_STEM}, …); its first weights are {', '.join(list(weights)[:5])}"
    )


def read_file(path: Path) -> Any:
    """Read a checkpoint file without running code from it."""
    if path.suffix != ".pkl":
        return read_checkpoint(path)
    try:
        return read_array_pickle(existing_file(path))
    except RefusedGlobalError as error:
        raise refused(path, str(error)) from error
    except (FileNotFoundError, ValueError):
        raise
    except Exception as error:  # a damaged pickle raises errors of any type
        raise damaged(path, error) from error


def solov2_model(
    weights: Mapping[str, Tensor], preset: str, labels: str | Path | None
) -> SOLOv2ForInstanceSegmentation:
    """Build a SOLOv2 from official weights."""
    config = with_labels(convert_solov2.official_config(weights, preset), labels)
    # On the meta device no weights are drawn that are replaced at once.
    with torch.device("meta"):
        model = SOLOv2ForInstanceSegmentation(config)
    converted = convert_solov2.convert_official_state_dict(weights, model.state_dict())
    model.load_state_dict(converted, assign=True)
    return model.eval()


def mask_refine_net_model(weights: Mapping[str, Tensor], labels: str | Path | None) -> MaskRefineNetForMaskRefinement:
    """Build a MaskRefineNet from official weights."""
    config = with_labels(convert_mask_refine_net.official_config(weights), labels)
    # On the meta device no weights are drawn that are replaced at once.
    with torch.device("meta"):
        model = MaskRefineNetForMaskRefinement(config)
    converted = convert_mask_refine_net.convert_official_state_dict(weights, model.state_dict())
    model.load_state_dict(converted, assign=True)
    return model.eval()


def with_labels(config: Any, labels: str | Path | None) -> Any:
    """Return the configuration with class names, as many as the weights have classes."""
    # 80 classes are those of COCO unless labels say otherwise.
    if labels is None and config.num_labels != len(COCO_NAMES):
        return config
    names = read_class_names("coco" if labels is None else labels)
    if len(names) != config.num_labels:
        raise UserError(f"the weights are for {config.num_labels} classes, but {labels} names {len(names)}")
    config.id2label, config.label2id = dict(enumerate(names)), {name: index for index, name in enumerate(names)}
    return config
