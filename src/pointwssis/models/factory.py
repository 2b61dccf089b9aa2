# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models for a training run: new ones, ones with a pretrained backbone, and saved ones with other classes."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import AutoImageProcessor, PreTrainedConfig, PreTrainedModel

from ..ops.user_error import UserError, as_user_error
from ..ops.wording import did_you_mean, with_hint
from .backbones import backbone_preprocessing, pretrained_backbone, pretrained_config
from .mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from .mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from .saved_files import check_weights, naming_damaged_model
from .solov2.configuration_solov2 import SOLOv2Config
from .solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

FROM_SCRATCH = {"freeze_backbone_norm": False, "freeze_backbone_stages": 0}

# Fields of `SOLOv2Config` that may change after training: they affect decoding and loss, but not the weights.
CHANGEABLE_FIELDS = (
    "score_threshold", "update_threshold", "mask_threshold", "nms_top_k", "max_detections", "nms_type", "nms_kernel",
    "nms_sigma", "level_score", "background_threshold",
)  # fmt: skip

# Fields of `MaskRefineNetConfig` that may change after training: they affect crops and points, but not the weights.
CROP_FIELDS = ("crop_size", "point_sigma", "box_scale", "train_box_scale")


def check_fields(kind: type[PreTrainedConfig], fields: Mapping[str, Any], source: str = "") -> None:
    """Raise a UserError for a field that a configuration does not have; transformers keeps it silently.

    Args:
        kind: class of the configuration.
        fields: name → value.
        source: key of a recipe that holds the fields; begins the message.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for name in fields:
        if name not in known:
            before = f"{source}.{name}: " if source else ""
            raise UserError(with_hint(f"{before}{kind.__name__} has no field {name!r}", did_you_mean(name, known)))


def check_configuration(kind: type[PreTrainedConfig], fields: Mapping[str, Any], source: str) -> None:
    """Raise a UserError for fields that a configuration does not have or does not accept.

    Args:
        kind: class of the configuration.
        fields: name → value.
        source: key of a recipe that holds the fields; begins the message.
    """
    check_fields(kind, fields, source)
    try:
        kind(**fields)
    except StrictDataclassError as error:  # its own message repeats the one of its cause
        problem = str(error.__cause__ or error)
        # A problem of one field alone is about the key of that field.
        about = [name for name in fields if re.search(rf"\b{re.escape(name)}\b", problem)]
        key = f"{source}.{about[0]}" if len(about) == 1 else source
        raise UserError(f"{key}: {problem}") from error


def label_maps(class_names: Sequence[str]) -> dict[str, dict]:
    """Return the fields `id2label` and `label2id` of a configuration."""
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
    tile_size: int | None = None,
) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """Create a SOLOv2 with randomly initialized heads, and its image processor.

    Args:
        class_names: names of the classes, in order.
        model: fields of `SOLOv2Config`.
        image_size: `size` of the image processor.
        pad_size: fixed size of the padded input, or None.
        backbone_name_or_path: pretrained backbone (see `pretrained_config`), whose stride placement, channel order,
            mean and standard deviation are adopted. With None all weights are random, norms are trainable and nothing
            is frozen, unless `model` overrides that.
        tile_size: side in pixels of the original image of the square windows that the network sees, each scaled to
            `image_size`; None shows it whole images.

    Raises:
        UserError: a field does not exist or has a bad value.
    """
    check_fields(SOLOv2Config, model)
    classes = label_maps(class_names)
    preprocessing: dict[str, Any] = {}
    if backbone_name_or_path is None:
        segmenter = SOLOv2ForInstanceSegmentation(SOLOv2Config(**{**FROM_SCRATCH, **classes, **model}))
    else:
        backbone_config = pretrained_config(backbone_name_or_path)
        segmenter = SOLOv2ForInstanceSegmentation(
            SOLOv2Config(**{**classes, **model, "backbone_config": backbone_config})
        )
        segmenter.model.backbone.load_state_dict(
            pretrained_backbone(segmenter.model.backbone, backbone_name_or_path).state_dict()
        )
        # Images are normalized as in the backbone's training.
        preprocessing.update(backbone_preprocessing(backbone_name_or_path))
    return segmenter, SOLOv2ImageProcessorPil(size=image_size, pad_size=pad_size, tile_size=tile_size, **preprocessing)


def new_refiner(
    class_names: Sequence[str], model: dict[str, Any], backbone_name_or_path: str | None = None
) -> tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]:
    """Create a MaskRefineNet with a randomly initialized decoder, and its image processor.

    MaskRefineNet reads RGB: weights, mean and standard deviation of a BGR backbone are reversed.

    Args:
        class_names: names of the classes, in order.
        model: fields of `MaskRefineNetConfig`.
        backbone_name_or_path: pretrained backbone, or None for random weights.

    Raises:
        UserError: a field does not exist or has a bad value, or a BGR backbone is not a ResNet.
    """
    check_fields(MaskRefineNetConfig, model)
    classes = label_maps(class_names)
    fields, preprocessing = {**classes, **model}, {}
    if backbone_name_or_path is not None:
        fields["backbone_config"] = pretrained_config(backbone_name_or_path)
        if fields["backbone_config"].model_type == "resnet":
            fields["input_channels"] = fields["backbone_config"].embedding_size
    config = MaskRefineNetConfig(**fields)
    refiner = MaskRefineNetForMaskRefinement(config)
    if backbone_name_or_path is not None:
        refiner.init_from_backbone(pretrained_backbone(refiner.encoder.backbone, backbone_name_or_path))
        preprocessing = backbone_preprocessing(backbone_name_or_path)
        if preprocessing.pop("do_flip_channel_order"):
            if not refiner.encoder.replaces_stem:
                raise UserError(f"{backbone_name_or_path}: reads BGR, which MaskRefineNet supports for ResNets only")
            # BGR → RGB: reverse the weights of the first layer, the mean and the standard deviation.
            image_weight = refiner.encoder.input_layer.convolution.image_weight
            image_weight.data = image_weight.data.flip(1)
            preprocessing |= {name: preprocessing[name][::-1] for name in ("image_mean", "image_std")}
    size = {"height": config.crop_size, "width": config.crop_size}
    return refiner, MaskRefineNetImageProcessorPil(size=size, box_scale=config.box_scale, **preprocessing)


def saved_model(name_or_path: str, class_names: Sequence[str], **preprocessing: Any) -> tuple[PreTrainedModel, Any]:
    """Load a SOLOv2 or MaskRefineNet with its image processor, and adapt it to classes as `with_classes` does.

    Args:
        name_or_path: folder or Hub repository.
        class_names: names of the classes, in order.
        preprocessing: settings of the image processor that replace the saved ones.

    Raises:
        UserError: there is no such model, or it is another model.
    """
    # The configuration of any model; the error of a missing one ends with a hint.
    with as_user_error(OSError), naming_damaged_model(name_or_path):
        fields, _ = SOLOv2Config.get_any_config_dict(name_or_path)
    kinds = {"solov2": SOLOv2ForInstanceSegmentation, "mask_refine_net": MaskRefineNetForMaskRefinement}
    model_type = fields.get("model_type")
    if model_type not in kinds:
        raise UserError(f"{name_or_path}: is a {model_type} model; expected one of {', '.join(kinds)}")
    check_weights(name_or_path)
    with naming_damaged_model(name_or_path):
        model = kinds[model_type].from_pretrained(name_or_path, dtype=torch.float32)
        processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil", **preprocessing)
    return with_classes(model, class_names), processor


def saved_refiner(
    name_or_path: str, class_names: Sequence[str], crops: Mapping[str, Any]
) -> tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]:
    """Load a MaskRefineNet with its image processor as `saved_model` does, for crops of another size.

    Args:
        name_or_path: folder or Hub repository.
        class_names: names of the classes, in order.
        crops: values for some of `CROP_FIELDS`, which replace the saved ones.

    Raises:
        UserError: there is no such model, a value is invalid, or the backbone computes in one crop size only.
    """
    preprocessing: dict[str, Any] = {}
    if "crop_size" in crops:
        preprocessing["size"] = {"height": crops["crop_size"], "width": crops["crop_size"]}
    if "box_scale" in crops:
        preprocessing["box_scale"] = crops["box_scale"]
    check_configuration(MaskRefineNetConfig, crops, "refiner_model")
    model, processor = saved_model(name_or_path, class_names, **preprocessing)
    old_size = model.config.crop_size
    model.config.update(dict(crops))
    if model.config.crop_size != old_size:
        _check_crop_size(model, name_or_path, old_size)
    return model, processor


def _check_crop_size(model: MaskRefineNetForMaskRefinement, name_or_path: str, old_size: int) -> None:
    """Raise a UserError for a backbone that cannot compute crops of the size in the configuration."""
    side = model.config.crop_size
    crop, point = torch.zeros(1, 1, side, side), torch.zeros(1, 2)
    is_training = model.training
    # Convolutions take any size; position embeddings, for example, may not.
    try:
        with torch.inference_mode():
            model.eval()(crop.expand(-1, 3, -1, -1), crop, point, torch.zeros(1, dtype=torch.long))
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"refiner_model.crop_size is {side}, but the refiner {name_or_path} computes only crops of {old_size} "
            f"pixels ({error}); use that size"
        ) from error
    model.train(is_training)


def with_classes(model: PreTrainedModel, class_names: Sequence[str]) -> PreTrainedModel:
    """Adapt a model to other classes: weights of classes with the same name are kept, those of new ones are random.

    Args:
        model: a `SOLOv2ForInstanceSegmentation` or a `MaskRefineNetForMaskRefinement`.
        class_names: names of the new classes, in order.

    Returns:
        The model itself if its classes are the same, else a new one.
    """
    old = [model.config.id2label[index] for index in range(model.config.num_labels)]
    if old == list(class_names):
        return model
    # A new model with the same configuration but for its classes.
    values = json.loads(model.config.to_json_string(use_diff=False))
    values.update(label_maps(class_names))
    values.pop("num_labels", None)
    renewed = type(model)(type(model.config).from_dict(values))
    # All weights of the old model; of those with one row per class only the rows of classes that both have.
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
    """Return the names of the parameters with one row per class, and the row of the first class."""
    if model.config.model_type == "solov2":
        return {"model.instance_head.class_head.weight": 0, "model.instance_head.class_head.bias": 0}
    if not model.config.class_conditional:
        return {}
    return {"encoder.input_layer.convolution.point_weight": model.config.class_channel_offset}


def is_saved_model(path: str | Path) -> bool:
    """Return True if a folder contains a completely saved model."""
    return (Path(path) / "config.json").is_file() and (Path(path) / "model.safetensors").is_file()
