# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis convert` from the authors' file to the official numbers, through what it wrote and nothing else."""

import gc
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
    pipeline,
)

import pointwssis  # noqa: F401  registers the Auto classes
from helpers.official_files import (
    TINY_GRIDS,
    best_ap_content,
    detectron2_content,
    mask_refine_net_weights,
    solov2_weights,
    tiny_mask_refine_net_weights,
    tiny_solov2_weights,
)
from helpers.official_solov2 import labels_of
from helpers.paths import PARITY, ROOT
from helpers.resized_masks import masks_in_image
from pointwssis.cli import convert as convert_command
from pointwssis.cli.main import main
from pointwssis.data.class_names import COCO_NAMES
from pointwssis.models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings, ImageOutputs
from pointwssis.models.solov2.official_prompts_solov2 import decode_official_prompt
from pointwssis.ops.mask_ops import centers_of_mass

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def run_convert(content, folder: Path, *options: str) -> Path:
    """Write a checkpoint beside `folder`, convert it into `folder` with the command, and delete the checkpoint."""
    checkpoint = folder.with_name("model_final.pth")
    torch.save(content, checkpoint)
    assert main(["convert", "--checkpoint", str(checkpoint), "--output_dir", str(folder), *options]) == 0
    checkpoint.unlink()
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Yield a folder that is deleted after the module."""
    folder = tmp_path_factory.mktemp("converted")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tiny(workspace) -> Path:
    """Return the folder of the converted narrow SOLOv2 with 3 named classes."""
    labels = workspace / "labels.txt"
    labels.write_text("cat\nred fox\ndog\n", encoding="utf-8")
    return run_convert(detectron2_content(tiny_solov2_weights()), workspace / "tiny", "--labels", str(labels))


def as_input(folder: Path, *images_bgr: np.ndarray) -> dict[str, torch.Tensor]:
    """Return the model inputs of the converted image processor for BGR images at their own size."""
    processor = AutoImageProcessor.from_pretrained(folder, do_resize=False)
    return dict(processor([image[..., ::-1] for image in images_bgr], return_tensors="pt"))


# -- SOLOv2 ------------------------------------------------------------------------------------------------------------


def test_a_converted_solov2_computes_the_official_outputs(tiny):
    golden = np.load(PARITY / "tiny_r18.npz")
    model = AutoModelForInstanceSegmentation.from_pretrained(tiny, num_grids=TINY_GRIDS)
    with torch.no_grad():
        outputs = model(**as_input(tiny, golden["image0_bgr"], golden["image1_bgr"]))
    for level in range(5):
        np.testing.assert_allclose(outputs.class_logits[level], golden[f"cate{level}"], **CLOSE)
        np.testing.assert_allclose(outputs.kernels[level], golden[f"kernel{level}"], **CLOSE)
    np.testing.assert_allclose(outputs.mask_features, golden["mask"], **CLOSE)


INFERENCE = json.loads((PARITY / "d_infer_tiny_r18.json").read_text())["runs"]


def test_a_converted_solov2_decodes_every_official_prompt_with_every_nms(tiny):
    golden = np.load(PARITY / "d_infer_tiny_r18.npz")
    size = golden["image_bgr"].shape[:2]
    masks, classes, boxes = labels_of(golden)
    visible = masks.flatten(1).any(dim=1)
    objects = (centers_of_mass(masks)[visible], classes[visible], boxes[visible])
    model = AutoModelForInstanceSegmentation.from_pretrained(tiny, num_grids=TINY_GRIDS)
    processor = AutoImageProcessor.from_pretrained(tiny)
    outputs = model.encode(**as_input(tiny, golden["image_bgr"]))
    for name, facts in INFERENCE.items():
        settings = dict(facts["attr"])
        prompt, scores_are_one = settings.pop("prompt"), settings.pop("eval_pseudo_label", False)
        outputs["decoding"] = {**outputs["decoding"], "nms_kernel": "gaussian", **settings}
        found, labels, scores = decoded(processor, outputs, prompt, objects, size)
        assert labels == facts["classes"], name
        expected = np.unpackbits(golden[f"{name}/masks_packed"], axis=1)[:, : size[0] * size[1]].astype(bool)
        assert (found.flatten(1).numpy() != expected).sum(axis=1).max() <= 3, name
        if not scores_are_one:
            np.testing.assert_allclose(scores, facts["scores"], **CLOSE, err_msg=name)


def decoded(processor, outputs, prompt, objects, size):
    """Return masks at the original size, classes, and scores."""
    if prompt == "none":
        (found,) = processor.post_process_instance_segmentation(outputs, return_binary_maps=True)
        info = found["segments_info"]
        return found["segmentation"], [one["label_id"] for one in info], [one["score"] for one in info]
    points, classes, boxes = objects
    settings = DecodingSettings(**outputs["decoding"])
    found = decode_official_prompt(prompt, ImageOutputs.of(outputs, 0), points, boxes, classes, settings)
    masks = masks_in_image(found.probabilities, size, size, settings.mask_threshold)
    return masks, found.labels.tolist(), found.scores.tolist()


def test_every_size_and_setting_is_in_the_configuration(tiny):
    config = SOLOv2Config.from_pretrained(tiny)
    assert config.id2label == {0: "cat", 1: "red fox", 2: "dog"} and config.label2id["red fox"] == 1
    sizes = ("fpn_channels", "instance_channels", "num_instance_convs", "mask_channels", "kernel_channels")
    assert [getattr(config, name) for name in sizes] == [64, 64, 4, 32, 32]
    assert config.num_grids == SOLOv2Config().num_grids and config.scale_ranges == SOLOv2Config().scale_ranges
    backbone = config.backbone_config
    assert (backbone.depths, backbone.hidden_sizes) == ([2, 2, 2, 2], [64, 128, 256, 512])
    assert backbone.layer_type == "basic" and backbone.embedding_size == 64
    saved = json.loads((tiny / "preprocessor_config.json").read_text())
    assert saved["size"] == {"shortest_edge": 800, "longest_edge": 1333} and saved["size_divisor"] == 32
    assert (
        saved["do_resize"]
        and saved["do_flip_channel_order"]
        and saved["image_processor_type"] == "SOLOv2ImageProcessor"
    )
    np.testing.assert_allclose(255 * np.array(saved["image_mean"]), [103.53, 116.28, 123.675])
    assert sorted(path.name for path in tiny.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]


def test_saved_again_it_is_the_same(tiny, workspace):
    golden = np.load(PARITY / "tiny_r18.npz")
    model, processor = (kind.from_pretrained(tiny) for kind in (AutoModelForImageSegmentation, AutoImageProcessor))
    again = workspace / "again"
    model.save_pretrained(again)
    processor.save_pretrained(again)
    encoded = as_input(again, golden["image0_bgr"])
    assert torch.equal(encoded["pixel_values"], as_input(tiny, golden["image0_bgr"])["pixel_values"])
    with torch.no_grad():
        one, other = model(**encoded), AutoModelForInstanceSegmentation.from_pretrained(again)(**encoded)
    assert torch.equal(one.mask_features, other.mask_features)
    assert all(torch.equal(a, b) for a, b in zip(one.kernels, other.kernels, strict=True))
    for name in ("preprocessor_config.json",):
        assert (again / name).read_text() == (tiny / name).read_text()


def test_the_pipelines_take_the_folder(tiny, workspace):
    refiner = run_convert(best_ap_content(tiny_mask_refine_net_weights(3)), workspace / "tiny_refiner")
    image = np.load(PARITY / "d_infer_tiny_r18.npz")["image_bgr"][..., ::-1]
    model = AutoModelForInstanceSegmentation.from_pretrained(tiny, num_grids=TINY_GRIDS)
    processor = AutoImageProcessor.from_pretrained(tiny, size={"shortest_edge": 200, "longest_edge": 333})
    segmenter = pipeline("point-instance-segmentation", model=model, image_processor=processor, refiner=None)
    assert segmenter(image)[0]["label"] in {"cat", "red fox", "dog"}
    rough = segmenter(image, points=[(200, 100), (30, 30)], labels=["dog", None], mask_format="numpy")
    assert [one["point"] for one in rough] == [[200, 100], [30, 30]] and rough[0]["label"] == "dog"
    named = AutoModel.from_pretrained(refiner, id2label=model.config.id2label, label2id=model.config.label2id)
    refine = pipeline("point-mask-refinement", model=named, image_processor=AutoImageProcessor.from_pretrained(refiner))
    refined = segmenter(image, points=[(200, 100)], labels=["dog"], mask_format="numpy", refiner=refine)
    assert (refined[0]["rough_mask"] == rough[0]["mask"]).all() and refined[0]["mask"].shape == image.shape[:2]
    whole = pipeline("point-instance-segmentation", model=str(tiny))  # by its name alone
    assert type(whole.model).__name__ == "SOLOv2ForInstanceSegmentation"


LOSSES = json.loads((PARITY / "c_losses.json").read_text())["losses"]["default"]


def test_a_resnet_50_with_three_classes_computes_the_official_losses(workspace):
    weights = solov2_weights(PARITY / "keys_solov2_r50.json", 3)
    folder = run_convert(detectron2_content(weights), workspace / "resnet50", "--preset", "student")
    golden = np.load(PARITY / "c_losses.npz")
    labels = zip(*(labels_of(golden, image) for image in "ABC"), strict=True)
    batch = dict(zip(("mask_labels", "class_labels", "boxes"), map(list, labels), strict=True))
    batch |= as_input(folder, *(golden[f"image{image}_bgr"] for image in "ABC"))
    model = AutoModelForInstanceSegmentation.from_pretrained(folder)
    assert model.config.num_labels == 3 and model.config.backbone_config.downsample_in_bottleneck
    with torch.no_grad():
        losses = model(**batch).loss_dict
    np.testing.assert_allclose(losses["loss_mask"], LOSSES["loss_ins"], **CLOSE)
    np.testing.assert_allclose(losses["loss_class"], LOSSES["loss_cate"], **CLOSE)
    shutil.rmtree(folder)


def test_a_teacher_with_resnet_101_gets_the_card_of_its_name(workspace, shared_dir):
    keys = shared_dir / "parity" / "keys_solov2_r101_teacher.json"
    weights = solov2_weights(keys, 80, cate_gain=1.0)
    folder = run_convert(detectron2_content(weights), workspace / "teacher-coco10")  # the name determines the preset
    model = AutoModelForInstanceSegmentation.from_pretrained(folder)
    assert model.config.num_grids == list(TEACHER_NUM_GRIDS)
    assert model.config.scale_ranges == [list(scale_range) for scale_range in TEACHER_SCALE_RANGES]
    assert model.config.backbone_config.depths == [3, 4, 23, 3]
    assert model.config.backbone_config.downsample_in_bottleneck
    assert list(model.config.id2label.values()) == list(COCO_NAMES)
    assert torch.equal(model.model.instance_head.class_head.weight, weights["ins_head.cate_pred.weight"])
    committed = ROOT / "model_cards" / "teacher-coco10.md"
    assert (folder / "README.md").read_text("utf-8") == committed.read_text("utf-8")
    shutil.rmtree(folder)
    gc.collect()


# -- MaskRefineNet -----------------------------------------------------------------------------------------------------

REFINER = json.loads((PARITY / "f_mrn.json").read_text())


def test_a_converted_mask_refine_net_computes_the_official_logits(workspace):
    """Saved from several processes (`module.`), with the numpy scalar of `best_AP.pt`."""
    content = best_ap_content(mask_refine_net_weights(3), prefix="module.")
    folder = run_convert(content, workspace / "refiner3")
    model, golden = AutoModel.from_pretrained(folder), np.load(PARITY / "f_mrn.npz")
    assert model.config.num_labels == 3 and model.config.class_channel_offset == 1 and model.config.crop_size == 256
    assert not model.config.backbone_config.downsample_in_bottleneck
    trained = AutoModel.from_pretrained(folder, class_channel_offset=0)  # the other way of running
    for size in (64, 256):
        facts, name = REFINER["forward"][f"fwd_c3_s{size}"], f"fwd_c3_s{size}"
        arguments = {
            "pixel_values": torch.from_numpy(golden[f"{name}/in_image"])[None],
            "rough_masks": torch.from_numpy(golden[f"{name}/in_mask"])[None, None],
            "input_points": torch.tensor([[facts["x"], facts["y"]]]),
        }
        channel = torch.tensor([facts["class_channel"]])
        expected = torch.from_numpy(golden[f"{name}/logits"])
        with torch.no_grad():
            torch.testing.assert_close(model(**arguments, class_labels=channel - 1).logits, expected, **CLOSE)
            if size == 64:  # here the channel is that of a class for either offset
                torch.testing.assert_close(trained(**arguments, class_labels=channel).logits, expected, **CLOSE)
    shutil.rmtree(folder)
    gc.collect()


def test_a_converted_mask_refine_net_refines_the_official_masks(workspace):
    folder = run_convert(best_ap_content(mask_refine_net_weights(80)), workspace / "maskrefinenet-coco10")
    assert "the paper, table 5" in (folder / "README.md").read_text("utf-8")
    golden = np.load(PARITY / "f_mrn.npz")
    image = golden["valid/image_rgb"]
    size = image.shape[:2]
    rough = np.unpackbits(golden["valid/masks_packed"], axis=1)[:, : size[0] * size[1]].reshape(-1, *size).astype(bool)
    points = golden["valid/points_cycx_encoded"][:, ::-1] / 1e4 * np.array(size[::-1])
    processor = AutoImageProcessor.from_pretrained(folder)
    assert processor.size == {"height": 256, "width": 256} and processor.box_scale == 2
    refiner = pipeline("point-mask-refinement", model=AutoModel.from_pretrained(folder), image_processor=processor)
    processor.size = {"height": 64, "width": 64}
    labels = [COCO_NAMES[label] for label in golden["valid/classes"]]
    refined = refiner(image, rough_masks=list(rough), points=points.tolist(), labels=labels, mask_format="numpy")
    for one, packed, facts in zip(refined, golden["refined64/masks_packed"], REFINER["refined64"], strict=True):
        expected = np.unpackbits(packed)[: size[0] * size[1]].reshape(size).astype(bool)
        assert one["kept_rough_mask"] == facts["kept_rough_mask"]
        assert (one["mask"] != expected).sum() <= 3
    shutil.rmtree(folder)
    gc.collect()


# -- the command -------------------------------------------------------------------------------------------------------


def test_wrong_input_ends_with_one_line_and_no_folder(tmp_path, capsys):
    weights = tiny_solov2_weights()
    del weights["ins_head.cate_pred.bias"], weights["backbone.bottom_up.res4.1.conv2.norm.running_var"]
    weights["mask_head.conv_pred.2.bias"] = torch.zeros(3)
    weights["backbone.fpn_output4.bias"] = torch.zeros(3)
    torch.save(detectron2_content(weights), tmp_path / "model.pth")
    assert main(["convert", "--checkpoint", str(tmp_path / "model.pth"), "--output_dir", str(tmp_path / "a/b")]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and str(tmp_path / "model.pth") in message
    assert "2 missing: backbone.bottom_up.res4.1.conv2.norm.running_var, ins_head.cate_pred.bias;" in message
    assert "1 unexpected: mask_head.conv_pred.2.bias;" in message
    assert "1 misshapen: backbone.fpn_output4.bias (3,) instead of (64,)" in message
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_it_says_what_it_found_and_whose_it_is(tmp_path, capsys):
    run_convert(best_ap_content(tiny_mask_refine_net_weights(8)), tmp_path / "refiner", "--labels", "bdd100k")
    assert "MaskRefineNet, ResNet-10, 8 classes (pedestrian, rider, car, …)" in (said := capsys.readouterr().out)
    assert "remain those of their authors" in said
    card = (tmp_path / "refiner" / "README.md").read_text("utf-8")
    assert "converted from `model_final.pth`" in card and "pedestrian" in card and "Not measured" in card


def test_it_uploads_what_it_wrote(tmp_path, hub, capsys):
    content = best_ap_content(tiny_mask_refine_net_weights())
    run_convert(content, tmp_path / "mine", "--push_to_hub", "tester/mine")
    written = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    assert hub.files("tester/mine") == written and "model.safetensors" in written
    assert f"{hub.url}/tester/mine" in capsys.readouterr().out
    assert 'model="tester/mine"' in written["README.md"].decode()
    torch.save(content, tmp_path / "model.pth")
    words = ["--checkpoint", str(tmp_path / "model.pth"), "--output_dir", str(tmp_path / "other")]
    assert main(["convert", *words, "--push_to_hub", "nobody/other"]) == 1  # before anything is converted
    assert "nobody/other: tester has no write access" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    with hub.breaking(after=0, of="POST .*/commit/"):
        assert main(["convert", *words, "--push_to_hub", "tester/other"]) == 1
    assert f"pointwssis push {tmp_path / 'other'} tester/other" in capsys.readouterr().err
    assert (tmp_path / "other" / "model.safetensors").is_file()


def test_its_examples_are_options_that_exist():
    for line in convert_command.EPILOG.splitlines():
        words = line.split()
        if words[:1] == ["pointwssis"]:
            assert words[1] == "convert" and {"--checkpoint", "--output_dir"} <= set(words)
