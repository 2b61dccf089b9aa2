# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The image processor: crops of objects, whole images, and pasting refined masks back."""

import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor
from transformers.utils import is_torchvision_available

from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.models.mask_refine_net.image_processing_mask_refine_net import MaskRefineNetImageProcessor
from pointwssis.models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from pointwssis.models.mask_refine_net.post_processing_mask_refine_net import post_process_masks, refined_crop_mask

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def processor():
    return MaskRefineNetImageProcessorPil(size={"height": 64, "width": 64})


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def box_mask(x0, y0, x1, y1, size=(HEIGHT, WIDTH)):
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.fixture
def objects():
    return {
        "rough_masks": [np.stack([box_mask(20, 10, 31, 21), box_mask(0, 0, 5, 5)])],
        "input_points": [np.array([[25.0, 15.0], [2.0, 2.0]])],
        "class_labels": [np.array([1, 0])],
    }


class TestWholeImages:
    def test_without_objects_images_are_resized(self, processor, image):
        batch = processor([image, Image.fromarray(image[:20])], return_tensors="pt")
        assert set(batch) == {"pixel_values"} and batch["pixel_values"].shape == (2, 3, 64, 64)

    def test_gray_images_become_rgb(self, processor, image, objects):
        gray = Image.fromarray(image[..., 0])
        assert processor(gray, return_tensors="pt")["pixel_values"].shape == (1, 3, 64, 64)
        crops = (
            processor(gray, **objects, return_tensors="pt")["pixel_values"]
            * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        )
        torch.testing.assert_close(crops[:, 0] + 0.485, crops[:, 2] + 0.406, rtol=1e-4, atol=1e-5)


class TestCrops:
    def test_keys_shapes_types(self, processor, image, objects):
        batch = processor(image, **objects, mask_labels=objects["rough_masks"], return_tensors="pt")
        assert {name: (tuple(value.shape), value.dtype) for name, value in batch.items()} == {
            "pixel_values": ((2, 3, 64, 64), torch.float32),
            "rough_masks": ((2, 1, 64, 64), torch.float32),
            "mask_labels": ((2, 64, 64), torch.int64),
            "input_points": ((2, 2), torch.int64),
            "class_labels": ((2,), torch.int64),
            "crop_boxes": ((2, 4), torch.int64),
            "image_indices": ((2,), torch.int64),
        }
        assert batch["crop_boxes"].tolist() == [[15, 5, 36, 26], [0, 0, 7, 7]]
        assert batch["input_points"].tolist() == [[30, 30], [18, 18]]
        assert batch["rough_masks"].unique().tolist() == [0, 1]

    def test_normalization_and_resizing(self, processor, image, objects):
        crop = processor(image, **objects, return_tensors="pt")["pixel_values"][0]
        normalized = (image[5:26, 15:36] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        expected = torch.nn.functional.interpolate(
            torch.tensor(normalized).permute(2, 0, 1)[None], (64, 64), mode="bilinear"
        )[0]
        torch.testing.assert_close(crop.double(), expected, rtol=1e-5, atol=1e-5)

    def test_normalization_can_be_turned_off(self, processor, image, objects):
        crops = processor(image, **objects, do_rescale=False, do_normalize=False, return_tensors="pt")["pixel_values"]
        assert crops[0].max() > 200 and crops.dtype == torch.float32

    def test_batch_equals_singles(self, processor, image, objects):
        other = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8))
        second = {
            "rough_masks": [box_mask(3, 3, 9, 12, (20, 30))[None]],
            "input_points": [[(29.0, 19.0)]],
            "class_labels": [[2]],
        }
        both = {name: values + second[name] for name, values in objects.items()}
        together = processor([image, other], **both, return_tensors="pt")
        assert together["image_indices"].tolist() == [0, 0, 1]
        singles = [processor(image, **objects, return_tensors="pt"), processor(other, **second, return_tensors="pt")]
        for name in ("pixel_values", "rough_masks", "input_points", "class_labels", "crop_boxes"):
            torch.testing.assert_close(together[name], torch.cat([single[name] for single in singles]), rtol=0, atol=0)

    def test_kinds_of_inputs_agree(self, processor, image, objects):
        as_lists = {name: [values[0].tolist()] for name, values in objects.items() if name != "rough_masks"}
        as_lists["rough_masks"] = [list(objects["rough_masks"][0])]
        as_tensors = {name: [torch.as_tensor(values[0])] for name, values in objects.items()}
        expected = processor(image, **objects, return_tensors="pt")
        for other_image, other in ((Image.fromarray(image), as_lists), (torch.from_numpy(image), as_tensors)):
            actual = processor(other_image, **other, return_tensors="pt")
            for name, value in expected.items():
                torch.testing.assert_close(actual[name], value, rtol=0, atol=0)

    def test_scales_of_each_object_win(self, processor, image, objects):
        boxes = processor(image, **objects, box_scale=1.0, return_tensors="pt")["crop_boxes"]
        assert boxes.tolist() == [[20, 10, 31, 21], [0, 0, 5, 5]]
        boxes = processor(image, **objects, box_scales=[[1.5, 1.0]], return_tensors="pt")["crop_boxes"]
        assert boxes.tolist() == [[17, 7, 33, 23], [0, 0, 5, 5]]

    def test_labels_keep_the_ignored_value(self, processor, image, objects):
        labels = objects["rough_masks"][0].astype(np.uint8) * 255
        assert processor(image, **objects, mask_labels=[labels], return_tensors="pt")[
            "mask_labels"
        ].unique().tolist() == [0, 255]

    def test_class_agnostic_needs_no_labels(self, processor, image, objects):
        del objects["class_labels"]
        assert "class_labels" not in processor(image, **objects, return_tensors="pt")

    def test_edges(self, processor, image):
        """Empty rough mask, one pixel, point outside of the mask, points at the border."""
        masks = [box_mask(0, 0, 0, 0), box_mask(59, 39, 60, 40), box_mask(5, 5, 9, 9), np.ones((HEIGHT, WIDTH), bool)]
        points = [(30.0, 20.0), (59.0, 39.0), (59.0, 0.0), (0.0, 39.0)]
        batch = processor(image, [masks], [points], [[0] * 4], return_tensors="pt")
        assert batch["pixel_values"].isfinite().all()
        assert batch["crop_boxes"].tolist() == [[25, 15, 36, 26], [59, 39, 60, 40], [3, 0, 60, 10], [0, 0, 60, 40]]
        assert batch["rough_masks"][0].sum() == 0 and batch["rough_masks"][1].sum() == 64 * 64
        assert ((batch["input_points"] >= 0) & (batch["input_points"] < 64)).all()

    def test_image_smaller_than_the_crop(self, processor):
        tiny = np.full((1, 1, 3), 7, np.uint8)
        batch = processor(
            tiny, [np.ones((1, 1, 1), bool)], [[(0, 0)]], [[0]], input_data_format="channels_last", return_tensors="pt"
        )
        assert batch["pixel_values"].shape == (1, 3, 64, 64) and batch["pixel_values"].std(dim=(2, 3)).max() < 1e-6

    def test_images_without_objects_among_others(self, processor, image, objects):
        together = {name: [[], *values] for name, values in objects.items()}
        assert processor([image, image], **together, return_tensors="pt")["image_indices"].tolist() == [1, 1]
        batch = processor(image, rough_masks=[[]], input_points=[[]], class_labels=[[]], return_tensors="pt")
        assert batch["pixel_values"].shape == (0, 3, 64, 64) and batch["crop_boxes"].shape == (0, 4)

    def test_integers_survive_a_cast(self, processor, image, objects):
        batch = processor(image, **objects, return_tensors="pt").to(torch.bfloat16)
        assert batch["pixel_values"].dtype == torch.bfloat16 and batch["input_points"].dtype == torch.int64

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"input_points": None}, "without input_points"),
            ({"input_points": [[(1, 1), (2, 2)], [(1, 1)]]}, "input_points has 2 entries for 1 images"),
            ({"input_points": [[(1, 1)]]}, r"input_points\[0\] must have the shape \(2, 2\), got \(1, 2"),
            ({"input_points": [[(1, 1), (60, 2)]]}, r"input_points\[0\]\[1\]: point \(60, 2\) lies out"),
            ({"input_points": [[(1, 1), (float("nan"), 2)]]}, r"input_points\[0\]\[1\]"),
            ({"rough_masks": [np.zeros((2, 3, 3), bool)]}, r"rough_masks\[0\] must have the shape .*, got \(2, 3, 3\)"),
            ({"rough_masks": np.zeros((2, HEIGHT, WIDTH), bool)}, "rough_masks has 2 entries for 1 images"),
            ({"rough_masks": [[box_mask(0, 0, 1, 1), np.zeros((3, 3))]]}, r"rough_masks\[0\] must .* got \(2,\)"),
            ({"class_labels": [[1]]}, r"class_labels\[0\]"),
            ({"mask_labels": [np.zeros((1, HEIGHT, WIDTH))]}, r"mask_labels\[0\]"),
            ({"box_scales": [[1.0, 1.0, 1.0]]}, r"box_scales\[0\]"),
        ],
    )  # fmt: skip
    def test_bad_input_is_a_clear_error(self, processor, image, objects, change, message):
        with pytest.raises(ValueError, match=message):
            processor(image, **{**objects, **change}, return_tensors="pt")


class TestPostProcessing:
    def logits(self, *crops):
        """Return logits that are foreground where the (S, S) crops are True."""
        foreground = torch.stack([torch.as_tensor(crop).float() for crop in crops]) * 20 - 10
        return torch.stack([-foreground, foreground], dim=1)

    def test_pastes_into_place(self):
        result = post_process_masks(self.logits(np.ones((8, 8))), [[10, 20, 30, 35]], [(HEIGHT, WIDTH)])[0]
        np.testing.assert_array_equal(result["masks"][0], box_mask(10, 20, 30, 35))
        assert result["masks"].dtype == bool and result["kept_rough_masks"].tolist() == [False]

    def test_crop_and_paste_return_the_mask(self, processor, image):
        """A refiner that repeats its input loses no more than the border pixels to the resizing."""
        masks = np.stack([box_mask(20, 10, 41, 31), box_mask(0, 0, 12, 9)])
        crops = processor(image, [masks], [[(25, 15), (2, 2)]], [[0, 0]], return_tensors="pt")
        logits = self.logits(*crops["rough_masks"][:, 0])
        result = post_process_masks(logits, crops["crop_boxes"], [(HEIGHT, WIDTH)], [masks])[0]
        np.testing.assert_array_equal(result["masks"], masks)

    def test_empty_result_keeps_the_rough_mask(self):
        rough = np.stack([box_mask(1, 1, 4, 4), box_mask(5, 5, 9, 9)])
        logits, boxes = self.logits(np.zeros((8, 8)), np.ones((8, 8))), [[0, 0, 6, 6], [0, 0, 6, 6]]
        result = post_process_masks(logits, boxes, [(HEIGHT, WIDTH)], [rough])[0]
        assert result["kept_rough_masks"].tolist() == [True, False]
        np.testing.assert_array_equal(result["masks"], [rough[0], box_mask(0, 0, 6, 6)])
        without = post_process_masks(logits, boxes, [(HEIGHT, WIDTH)])[0]
        assert not without["masks"][0].any() and not without["kept_rough_masks"].any()

    def test_ties_are_background(self):
        assert not refined_crop_mask(torch.full((2, 4, 4), 0.5), (0, 0, 9, 9)).any()

    def test_each_image_gets_its_objects_in_order(self):
        sizes = [(10, 12), (5, 7), (20, 6)]
        boxes = [[0, 0, 2, 2], [1, 1, 4, 3], [2, 2, 5, 6]]
        results = post_process_masks(
            self.logits(*np.ones((3, 8, 8))), boxes, sizes, image_indices=torch.tensor([2, 0, 2])
        )
        assert [result["masks"].shape for result in results] == [(1, 10, 12), (0, 5, 7), (2, 20, 6)]
        np.testing.assert_array_equal(results[2]["masks"][1], box_mask(2, 2, 5, 6, (20, 6)))

    def test_model_output_and_half_precision(self, make_model, make_inputs):
        outputs = make_model()(**make_inputs())
        expected = post_process_masks(outputs, torch.tensor([[0, 0, 9, 9]] * 2), [(HEIGHT, WIDTH)])[0]["masks"]
        actual = post_process_masks(outputs.logits.bfloat16(), [[0, 0, 9, 9]] * 2, [(HEIGHT, WIDTH)])[0]["masks"]
        assert expected.shape == (2, HEIGHT, WIDTH) and (expected != actual).mean() < 0.02

    def test_no_objects(self):
        result = post_process_masks(torch.zeros(0, 2, 8, 8), torch.zeros(0, 4), [(4, 6)], [[]], torch.zeros(0))[0]
        assert result["masks"].shape == (0, 4, 6) and result["kept_rough_masks"].shape == (0,)

    def test_mismatches_are_errors(self):
        logits = self.logits(np.ones((8, 8)))
        with pytest.raises(ValueError, match="image_indices must be given for 2 images"):
            post_process_masks(logits, [[0, 0, 1, 1]], [(4, 4), (4, 4)])
        with pytest.raises(ValueError, match="1 logits, 2 crop_boxes and 2 image_indices"):
            post_process_masks(logits, [[0, 0, 1, 1]] * 2, [(4, 4)])

    def test_400_objects_take_little_more_than_their_masks(self):
        boxes = [[j, j, j + 30, j + 40] for j in range(400)]
        logits = self.logits(*np.ones((400, 16, 16)))
        tracemalloc.start()
        masks = post_process_masks(logits, boxes, [(640, 640)])[0]["masks"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert masks.sum() == 400 * 30 * 40
        assert peak < 1.05 * masks.nbytes


class TestSavingAndBackends:
    def test_round_trip_through_auto_image_processor(self, processor, tmp_path):
        classes = {"pil": MaskRefineNetImageProcessorPil, "torchvision": MaskRefineNetImageProcessor}
        AutoConfig.register("mask_refine_net", MaskRefineNetConfig, exist_ok=True)
        AutoImageProcessor.register(MaskRefineNetConfig, image_processor_classes=classes, exist_ok=True)
        MaskRefineNetImageProcessorPil(size={"height": 96, "width": 96}, box_scale=1.5).save_pretrained(tmp_path)
        loaded = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
        assert isinstance(loaded, MaskRefineNetImageProcessorPil)
        assert loaded.size.height == 96 and loaded.box_scale == 1.5

    def test_both_backends_have_the_same_settings(self):
        shared = (
            "size",
            "image_mean",
            "image_std",
            "resample",
            "do_convert_rgb",
            "do_resize",
            "do_rescale",
            "do_normalize",
            "box_scale",
        )
        for name in (*shared, "default_to_square", "model_input_names", "valid_kwargs"):
            assert getattr(MaskRefineNetImageProcessor, name) == getattr(MaskRefineNetImageProcessorPil, name), name

    @pytest.mark.skipif(not is_torchvision_available(), reason="needs torchvision")
    def test_backends_agree(self, processor, image, objects):
        expected = processor(image, **objects, mask_labels=objects["rough_masks"], return_tensors="pt")
        torchvision = MaskRefineNetImageProcessor(size={"height": 64, "width": 64})
        actual = torchvision(image, **objects, mask_labels=objects["rough_masks"], return_tensors="pt")
        for name, value in expected.items():
            torch.testing.assert_close(actual[name], value, rtol=1e-5, atol=1e-5)
