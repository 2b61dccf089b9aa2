# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""ONNX files compute what the models compute, for every size and number of points; bad input gives one error."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import tiny
from helpers.exported_onnx import Exported, exported
from pointwssis.cli.main import main
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings, ImageOutputs, decode_instances
from pointwssis.models.solov2.level_selection_solov2 import decode_points
from pointwssis.onnx_export import onnx_files
from pointwssis.onnx_export.onnx_files import write_onnx
from pointwssis.ops.user_error import UserError

SIZES = [(1, 64, 96), (2, 128, 32)]  # batch, height, width


@pytest.fixture(scope="module")
def export() -> Exported:
    return exported()


@pytest.fixture(scope="module")
def model(export):
    return export.pipeline().model


def run(export: Exported, name: str, **inputs) -> list[np.ndarray]:
    """Return the outputs of one file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(export.onnx / name)
    return session.run(None, {key: np.asarray(value) for key, value in inputs.items()})


def encoded(model, batch: int, height: int, width: int):
    """Return images, the outputs of the network, and the same as the encoder gives them for the first image."""
    images = torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(batch))
    outputs = model.encode(images)
    logits = torch.cat([level.flatten(2).mT for level in outputs.class_logits], dim=1)
    kernels = torch.cat([level.flatten(2).mT for level in outputs.kernels], dim=1)
    tables = {"confidences": logits[0].sigmoid(), "kernels": kernels[0], "mask_features": outputs.mask_features[0]}
    return images, outputs, tables


@pytest.mark.parametrize("shape", SIZES)
def test_encoder(export, model, shape):
    images, outputs, tables = encoded(model, *shape)
    confidences, kernels, features = run(export, "encoder.onnx", pixel_values=images)
    assert len(confidences) == len(kernels) == shape[0]
    np.testing.assert_allclose(confidences[0], tables["confidences"], atol=1e-3)
    np.testing.assert_allclose(kernels[0], tables["kernels"], atol=1e-3)
    np.testing.assert_allclose(features, outputs.mask_features, atol=1e-3)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("count", [0, 1, 50])
def test_point_decoder(export, model, shape, count):
    _, outputs, tables = encoded(model, *shape)
    generator = torch.Generator().manual_seed(count)
    points = torch.rand(count, 2, generator=generator) * torch.tensor([shape[2], shape[1]])
    labels = torch.arange(count) % 3 - 1
    expected = decode_points(ImageOutputs.of(outputs, 0), points, labels, DecodingSettings.of(model.config))
    found = run(
        export,
        "point_decoder.onnx",
        **tables,
        points=points,
        point_labels=labels,
        point_levels=np.full(count, -1, np.int64),
    )
    masks = torch.cat(list(expected.mask_probabilities(ImageOutputs.of(outputs, 0))))
    columns = (masks, expected.labels, expected.scores, expected.levels, expected.level_scores, expected.class_scores)
    for ours, theirs in zip(found, (*columns, expected.background), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_level_of_each_point_may_be_chosen(export, model):
    *_, tables = encoded(model, *SIZES[0])
    points = np.full((6, 2), 20, np.float32)
    chosen = np.array([-1, 0, 1, 2, 3, 4])
    found = run(export, "point_decoder.onnx", **tables, points=points, point_labels=chosen * 0, point_levels=chosen)
    scores, levels, level_scores = found[2], found[3], found[4]
    assert levels.tolist() == [level_scores[0].argmax(), 0, 1, 2, 3, 4]
    assert scores[1:].tolist() == level_scores[0].tolist()


@pytest.mark.parametrize("shape", SIZES)
def test_detector(export, model, shape):
    _, outputs, tables = encoded(model, *shape)
    # Without suppression, proposals are what the library decodes.
    settings = {**DecodingSettings.of(model.config).__dict__, "nms_sigma": 0.0, "update_threshold": 0.0}
    expected = decode_instances(ImageOutputs.of(outputs, 0), DecodingSettings(**settings))
    assert len(expected.scores) > 3
    found = run(export, "detector.onnx", **tables)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours[: len(theirs)], theirs, atol=1e-3)


def test_detector_without_proposals(export, model):
    *_, tables = encoded(model, *SIZES[0])
    found = run(export, "detector.onnx", **{**tables, "confidences": tables["confidences"] * 0})
    assert [len(output) for output in found] == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["point_decoder.onnx", "detector.onnx"])
def test_files_that_compute_something_else_are_refused(export, monkeypatch, tmp_path, name):
    export_file = onnx_files._export

    def export_one_wrongly(path, module, *rest):
        if path.name != name:
            shutil.copy(export.onnx / path.name, path)
            return
        module = deepcopy(module)
        module.settings = replace(module.settings, mask_threshold=0.9)
        export_file(path, module, *rest)

    monkeypatch.setattr(onnx_files, "_export", export_one_wrongly)
    pipe = export.pipeline()
    with pytest.raises(UserError, match=f"{name}: .* differs by .* between torch and onnxruntime"):
        write_onnx(tmp_path / "out", (pipe.model, pipe.image_processor))
    assert not (tmp_path / "out").exists()


def test_int8_encoder_is_close(export, model):
    images, outputs, tables = encoded(model, *SIZES[0])
    confidences = run(export, "encoder_int8.onnx", pixel_values=images)[0]
    difference = np.abs(confidences[0] - tables["confidences"].numpy())
    assert 0 < difference.mean() < 0.05


def test_folder_describes_itself(export):
    config = json.loads((export.onnx / "config.json").read_text("utf-8"))
    assert list(config["id2label"].values()) == tiny.NAMES
    assert config["refiner"]["class_conditional"]
    readme = (export.onnx / "README.md").read_text("utf-8")
    assert "refiner.onnx" in readme and "encoder_int8.onnx" in readme and tiny.NAMES[0] in readme
    assert 'f"mask_{number}.png"' in readme  # one file per mask


def test_existing_folder_is_kept(export, capsys):
    assert main(["onnx", export.model, str(export.onnx)]) == 1
    assert "exists already; choose another folder" in capsys.readouterr().err


def test_existing_folder_is_refused_before_a_model_is_loaded(tmp_path, capsys):
    assert main(["onnx", str(tmp_path / "no model"), str(tmp_path)]) == 1
    assert f"{tmp_path}: exists already; choose another folder" in capsys.readouterr().err


def test_other_models_are_refused(export, tmp_path, capsys):
    assert main(["onnx", export.refiner, str(tmp_path / "out")]) == 1
    assert "is a mask_refine_net model; MODEL must be a SOLOv2" in capsys.readouterr().err
    assert main(["onnx", export.model, str(tmp_path / "out"), "--refiner", export.model]) == 1
    assert "is a solov2 model; --refiner must be a MaskRefineNet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"do_pad": False}, "must resize and pad"),
        ({"size_divisor": 16}, "'size_divisor': 16.*multiples of 32"),
        ({"pad_size": {"height": 96, "width": 80}}, "'width': 80.*multiples of 32"),
    ],
)
def test_inputs_must_be_multiples_of_the_stride(tmp_path, settings, message):

    model, processor = tiny.segmenter()
    for name, value in settings.items():
        setattr(processor, name, value)
    with pytest.raises(UserError, match=message):
        write_onnx(tmp_path / "out", (model, processor))


def test_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setattr("pointwssis.cli.onnx.find_spec", lambda name: None)
    assert main(["onnx", "model", "out"]) == 1
    assert "pip install 'pointwssis[onnx]'" in capsys.readouterr().err
