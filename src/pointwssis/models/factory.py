# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models to start a training from: new ones, ones with a pretrained backbone, and saved ones with other classes."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoImageProcessor, PreTrainedConfig, PreTrainedModel

from ..ops.suggestions import did_you_mean
from .mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from .mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from .solov2.configuration_solov2 import STAGES, SOLOv2Config
from .solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

FROM_SCRATCH = {"freeze_backbone_norm": False, "freeze_backbone_stages": 0}

# Fields of `SOLOv2Config` that may change after training: they decide what comes out and what a training learns from,
# not what was learned.
CHANGEABLE_FIELDS = (
    "score_threshold", "update_threshold", "mask_threshold", "nms_top_k", "max_detections", "nms_type", "nms_kernel",
    "nms_sigma", "level_score", "background_threshold",
)  # fmt: skip


def check_fields(kind: type[PreTrainedConfig], fields: Mapping[str, Any]) -> None:
    """Raises a ValueError for a field that a configuration does not have; transformers keeps it without a word."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in fields:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ValueError(f"{kind.__name__} has no field {name!r}" + (f"; {hint}" if hint else ""))


def label_maps(class_names: Sequence[str]) -> dict[str, dict]:
    """Return `id2label` and `label2id` of a configuration."""
    return {
        "id2label": dict(enumerate(class_names)),
        "label2id": {name: index for index, name in enumerate(class_names)},
    }


def new_segmenter(
    class_names: Sequence[str],
    model: dict[str, Any],
    image_size: dict[str, int],
    pad_size: dict[str, int] | None = None,
    backbone_name_or_path: str | None = None,
) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """A SOLOv2 with fresh heads and the image processor that fits it.

    Args:
        class_names: of the classes.
        model: fields of `SOLOv2Config`.
        image_size: `size` of the image processor.
        pad_size: fixed canvas, or None.
        backbone_name_or_path: pretrained backbone; its stride placement, channel order, mean and standard deviation
            are taken over. None: everything is new, norms are trainable and nothing is frozen (unless `model` says
            otherwise).
    """
    check_fields(SOLOv2Config, model)
    classes = label_maps(class_names)
    preprocessing: dict[str, Any] = {}
    if backbone_name_or_path is None:
        segmenter = SOLOv2ForInstanceSegmentation(SOLOv2Config(**{**FROM_SCRATCH, **classes, **model}))
    else:
        backbone_config = AutoConfig.from_pretrained(backbone_name_or_path, out_features=STAGES)
        segmenter = SOLOv2ForInstanceSegmentation(
            SOLOv2Config(**{**classes, **model, "backbone_config": backbone_config})
        )
        segmenter.model.backbone.load_state_dict(
            pretrained_backbone(segmenter.model.backbone, backbone_name_or_path).state_dict()
        )
        preprocessing.update(backbone_preprocessing(backbone_name_or_path))
    return segmenter, SOLOv2ImageProcessorPil(size=image_size, pad_size=pad_size, **preprocessing)


def new_refiner(
    class_names: Sequence[str], model: dict[str, Any], backbone_name_or_path: str | None = None
) -> tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]:
    """A MaskRefineNet with a fresh decoder and the image processor that fits it; arguments as in `new_segmenter`.

    MaskRefineNet reads RGB: weights, mean and standard deviation of a BGR backbone are turned around.
    """
    check_fields(MaskRefineNetConfig, model)
    classes = label_maps(class_names)
    fields, preprocessing = {**classes, **model}, {}
    if backbone_name_or_path is not None:
        fields["backbone_config"] = AutoConfig.from_pretrained(backbone_name_or_path, out_features=STAGES)
        if fields["backbone_config"].model_type == "resnet":
            fields["input_channels"] = fields["backbone_config"].embedding_size
    config = MaskRefineNetConfig(**fields)
    refiner = MaskRefineNetForMaskRefinement(config)
    if backbone_name_or_path is not None:
        refiner.init_from_backbone(pretrained_backbone(refiner.encoder.backbone, backbone_name_or_path))
        preprocessing = backbone_preprocessing(backbone_name_or_path)
        if preprocessing.pop("do_flip_channel_order"):
            if not refiner.encoder.replaces_stem:
                raise ValueError(f"{backbone_name_or_path}: takes BGR; MaskRefineNet can start from such ResNets only")
            image_weight = refiner.encoder.input_layer.convolution.image_weight
            image_weight.data = image_weight.data.flip(1)
            preprocessing |= {name: preprocessing[name][::-1] for name in ("image_mean", "image_std")}
    size = {"height": config.crop_size, "width": config.crop_size}
    return refiner, MaskRefineNetImageProcessorPil(size=size, box_scale=config.box_scale, **preprocessing)


def pretrained_backbone(backbone: PreTrainedModel, name_or_path: str) -> PreTrainedModel:
    """A repository's backbone, of the class of `backbone`; transformers itself leaves backbones at random weights."""
    config = AutoConfig.from_pretrained(name_or_path, out_features=STAGES)
    loaded, info = type(backbone).from_pretrained(name_or_path, config=config, output_loading_info=True)
    # Backbones of the ConvNeXt and Swin kind norm what they hand out; no pretraining has such norms.
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("hidden_states_norms."))
    if missing:
        raise ValueError(f"{name_or_path}: lacks {len(missing)} backbone weights, first {missing[:3]}")
    return loaded


def backbone_preprocessing(name_or_path: str) -> dict[str, Any]:
    """Mean, standard deviation, scale and channel order that a backbone was trained with."""
    processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil")
    return {
        "image_mean": list(processor.image_mean),
        "image_std": list(processor.image_std),
        "do_rescale": processor.do_rescale,
        "rescale_factor": processor.rescale_factor,
        "do_flip_channel_order": bool(getattr(processor, "do_flip_channel_order", False)),
    }


def saved_model(name_or_path: str, class_names: Sequence[str], **preprocessing: Any) -> tuple[PreTrainedModel, Any]:
    """A saved SOLOv2 or MaskRefineNet for these classes, with its image processor; see `with_classes`.

    Args:
        name_or_path: folder or Hub repository.
        class_names: of the classes.
        preprocessing: settings of the image processor that replace the saved ones.
    """
    config = AutoConfig.from_pretrained(name_or_path)
    kinds = {"solov2": SOLOv2ForInstanceSegmentation, "mask_refine_net": MaskRefineNetForMaskRefinement}
    if config.model_type not in kinds:
        raise ValueError(f"{name_or_path}: is a {config.model_type} model; takes one of {', '.join(kinds)}")
    model = kinds[config.model_type].from_pretrained(name_or_path, dtype=torch.float32)
    processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil", **preprocessing)
    return with_classes(model, class_names), processor


def with_classes(model: PreTrainedModel, class_names: Sequence[str]) -> PreTrainedModel:
    """The model for other classes: rows of classes with the same name stay, those of new classes start fresh.

    Args:
        model: a `SOLOv2ForInstanceSegmentation` or a `MaskRefineNetForMaskRefinement`.
        class_names: of the new classes, in order.
    """
    old = [model.config.id2label[index] for index in range(model.config.num_labels)]
    if old == list(class_names):
        return model
    values = json.loads(model.config.to_json_string(use_diff=False))
    values.update(label_maps(class_names))
    values.pop("num_labels", None)
    renewed = type(model)(type(model.config).from_dict(values))
    state, fresh = model.state_dict(), renewed.state_dict()
    for name, offset in class_parameters(model).items():
        rows = fresh[name].clone()
        for index, label in enumerate(class_names):
            if label in old:
                rows[index + offset] = state[name][old.index(label) + offset]
        state[name] = rows
    renewed.load_state_dict(state)
    return renewed.train(model.training)


def class_parameters(model: nn.Module) -> dict[str, int]:
    """Names of the parameters with one row a class, and the row of the first class."""
    if model.config.model_type == "solov2":
        return {"model.instance_head.class_head.weight": 0, "model.instance_head.class_head.bias": 0}
    if not model.config.class_conditional:
        return {}
    return {"encoder.input_layer.convolution.point_weight": model.config.class_channel_offset}


def is_saved_model(path: str | Path) -> bool:
    """Whether a folder holds a model that was saved to the end."""
    return (Path(path) / "config.json").is_file() and (Path(path) / "model.safetensors").is_file()
