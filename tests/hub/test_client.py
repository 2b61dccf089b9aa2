# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models, pipelines and datasets to the Hub and back, and the messages of failures."""

import re
import time

import numpy as np
import pytest
from datasets import concatenate_datasets, load_dataset
from huggingface_hub import HfApi
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForInstanceSegmentation, pipeline

from helpers import tiny
from pointwssis.data import load_coco, split_supervision
from pointwssis.hub.client import PushError, check_write_access, push_folder
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.models.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.registration import register
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.trainer import SegmentationTrainer

REPO = "pointwssis/teacher-coco10"
HINT = "train with `pointwssis run RECIPE.yaml`"
CLICKS = {"points": [(10, 20), (50, 40)], "labels": ["star", None]}


def masks_of(model, **options) -> np.ndarray:
    """Return the (N, H, W) masks of two clicks."""
    segmenter = pipeline("point-instance-segmentation", model=model, device="cpu", **options)
    return np.stack([found["mask"] for found in segmenter(tiny.picture(), mask_format="numpy", **CLICKS)])


# -- there and back


def test_a_model_to_the_hub_and_back(hub, tmp_path):
    local = tiny.saved_segmenter(tmp_path / "teacher")
    model, processor = tiny.segmenter()
    processor.push_to_hub(REPO)
    model.push_to_hub(REPO)
    pulled = AutoModelForInstanceSegmentation.from_pretrained(REPO)
    assert tiny.same_weights(pulled.state_dict(), model.state_dict())
    assert AutoImageProcessor.from_pretrained(REPO).to_dict() == processor.to_dict()
    assert np.array_equal(masks_of(REPO), masks_of(local)) and masks_of(local).any()


def test_revisions_can_be_pinned(hub):
    first, second = tiny.segmenter(seed=0), tiny.segmenter(seed=1)
    for part in first:
        part.push_to_hub(REPO)
    HfApi().create_tag(REPO, tag="v1")
    commit = second[0].push_to_hub(REPO).oid
    assert tiny.same_weights(tiny.state_of(REPO), second[0].state_dict())
    for revision, model in (("v1", first), (commit, second)):
        pulled = SOLOv2ForInstanceSegmentation.from_pretrained(REPO, revision=revision)
        assert tiny.same_weights(pulled.state_dict(), model[0].state_dict())
    assert not np.array_equal(masks_of(REPO, revision="v1"), masks_of(REPO))
    with pytest.raises(OSError, match="v2 is not a valid git identifier") as raised:
        AutoModelForInstanceSegmentation.from_pretrained(REPO, revision="v2")
    assert HINT not in str(raised.value)  # the model is there


def test_a_refiner_and_a_teacher_from_the_hub(hub, tmp_path):
    for name, parts in (("teacher", tiny.segmenter()), ("refiner", tiny.refiner())):
        for part in parts:
            part.push_to_hub(f"tester/{name}")
    local = masks_of(tiny.saved_segmenter(tmp_path / "t"), refiner=tiny.saved_refiner(tmp_path / "r"))
    assert np.array_equal(masks_of("tester/teacher", refiner="tester/refiner"), local)


def test_a_pipeline_to_the_hub_and_back(hub, tmp_path):
    local = tiny.saved_segmenter(tmp_path / "teacher")
    pipeline("point-instance-segmentation", model=local).push_to_hub(REPO, private=True)
    assert sorted(hub.files(REPO)) == ["README.md", "config.json", "model.safetensors", "preprocessor_config.json"]
    assert hub.repository(REPO).private and b"custom_pipelines" not in hub.files(REPO)["config.json"]
    assert np.array_equal(masks_of(REPO), masks_of(local))


def test_datasets_to_the_hub_and_back(hub, shapes, tmp_path):
    rows = load_coco(shapes / "annotations" / "instances_train.json", shapes / "images")
    split = split_supervision(rows, labeled_fraction=0.25, seed=1)
    for name in ("full", "point"):
        split[name].push_to_hub("pointwssis/shapes", config_name="coco25", split=name)
    HfApi().create_tag("pointwssis/shapes", tag="v1", repo_type="dataset")
    pulled = load_dataset("pointwssis/shapes", "coco25", cache_dir=tmp_path)
    for name in ("full", "point"):
        assert pulled[name].features == split[name].features
        assert pulled[name]["objects"] == split[name]["objects"]
    image = pulled["full"].with_format(None)[0]["image"]
    assert image["bytes"].startswith(b"\x89PNG")  # the images come along
    streamed = list(load_dataset("pointwssis/shapes", "coco25", split="point", streaming=True))
    assert [row["image_id"] for row in streamed] == split["point"]["image_id"]
    more = concatenate_datasets([split["full"], split["full"]])
    more.push_to_hub("pointwssis/shapes", config_name="coco25", split="full")
    sizes = {
        revision: len(load_dataset("pointwssis/shapes", "coco25", split="full", cache_dir=tmp_path, revision=revision))
        for revision in (None, "v1")
    }
    assert sizes == {None: 2 * len(split["full"]), "v1": len(split["full"])}


# -- cards


def card(hub, repo: str = REPO) -> str:
    return hub.files(repo)["README.md"].decode()


def test_a_push_brings_a_card_that_claims_nothing(hub):
    model, processor = tiny.segmenter()
    processor.push_to_hub(REPO)  # which leaves transformers' empty card
    assert "[More Information Needed]" in card(hub)
    model.push_to_hub(REPO)
    info = HfApi().model_info(REPO)
    assert (info.library_name, info.pipeline_tag) == ("pointwssis", "image-segmentation")
    assert "[More Information Needed]" not in card(hub) and "Not measured." in card(hub)
    assert "A SOLOv2 with a ResNet-10 backbone for 4 classes (ellipse, rectangle, triangle, star)." in card(hub)
    refiner, _ = tiny.refiner()
    refiner.push_to_hub("tester/refiner")
    assert "A MaskRefineNet with a ResNet-10" in card(hub, "tester/refiner")


def test_the_code_of_these_cards_runs(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny.picture().save("photo.jpg")
    for repo, parts in (("tester/segmenter", tiny.segmenter()), ("tester/refiner", tiny.refiner())):
        for part in reversed(parts):
            part.push_to_hub(repo)
        (code,) = re.findall(r"```python\n(.*?)```", card(hub, repo), re.S)
        exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1] == "ellipse (64, 64)"


def test_a_card_that_is_there_stays(hub):
    model, _ = tiny.segmenter()
    model.push_to_hub(REPO)
    HfApi().upload_file(path_or_fileobj=b"---\nlicense: mit\n---\nMine.\n", path_in_repo="README.md", repo_id=REPO)
    model.push_to_hub(REPO)
    assert card(hub).endswith("Mine.\n")
    HfApi().create_repo("pointwssis/other")
    HfApi().create_branch("pointwssis/other", branch="dev")
    model.push_to_hub("pointwssis/other", revision="dev")
    assert hub.files("pointwssis/other") == {}  # nothing goes to the main branch by the way


def test_the_trainer_writes_the_same_card(hub, tmp_path):
    model, processor = tiny.segmenter()
    arguments = SegmentationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, hub_model_id="tester/mine")
    trainer = SegmentationTrainer(model=model, args=arguments, processing_class=processor)
    trainer.push_to_hub()
    assert "Not measured." in card(hub, "tester/mine") and "model-index" not in card(hub, "tester/mine")
    assert tiny.same_weights(tiny.state_of("tester/mine"), model.state_dict())


# -- errors


def message_of(function, *arguments, **options) -> str:
    with pytest.raises(OSError) as raised:
        function(*arguments, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (SOLOv2ForInstanceSegmentation.from_pretrained, "pointwssis/none"),
        (SOLOv2ForInstanceSegmentation.from_pretrained, "me/none"),
        (MaskRefineNetForMaskRefinement.from_pretrained, "outputs/demo/none"),
        (SOLOv2Config.from_pretrained, "pointwssis/none"),
    ],
)
def test_a_missing_model_tells_what_to_do(hub, load, name):
    message = message_of(load, name)
    assert name in message.splitlines()[0] and message.count(HINT) == 1  # transformers' own words come first
    assert "HF_TOKEN" in message and "pointwssis convert" in message


def test_errors_of_transformers_own_classes_stay_as_they_are(hub, tmp_path):
    assert HINT not in message_of(AutoModelForInstanceSegmentation.from_pretrained, "pointwssis/none")
    assert HINT not in message_of(AutoModel.from_pretrained, "facebook/none")
    assert HINT not in message_of(pipeline, "image-classification", model="facebook/none")
    (tmp_path / "empty").mkdir()
    assert HINT not in message_of(SOLOv2ForInstanceSegmentation.from_pretrained, tmp_path / "empty")


def test_private_and_gated_models(hub, monkeypatch):
    for part in tiny.segmenter():
        part.push_to_hub(REPO, private=True)
    for token in (False, hub.stranger_token):
        message = message_of(SOLOv2ForInstanceSegmentation.from_pretrained, REPO, token=token)
        assert "not a valid model identifier" in message and HINT in message
    hub.repository(REPO).private, hub.repository(REPO).gated = False, "manual"  # all see its page, few its files
    monkeypatch.setenv("HF_TOKEN", hub.stranger_token)
    message = message_of(SOLOv2ForInstanceSegmentation.from_pretrained, REPO)
    assert "gated repo" in message and "set HF_TOKEN" in message
    hub.repository(REPO).granted.add("stranger")
    assert masks_of(REPO).any()


# -- pushing folders


def test_a_folder_is_one_commit(hub, tmp_path):
    folder = tmp_path / "teacher"
    tiny.saved_segmenter(folder)
    (folder / "checkpoints").mkdir()
    for name in ("checkpoints/x.bin", ".hidden", "training_args.bin"):
        (folder / name).write_bytes(b"x")
    address = push_folder(folder, REPO, private=True, card="---\nlicense: mit\n---\nCard.\n")
    assert address == f"{hub.url}/{REPO}" and hub.repository(REPO).private
    assert sorted(hub.files(REPO)) == ["README.md", "config.json", "model.safetensors", "preprocessor_config.json"]
    assert card(hub).endswith("Card.\n") and not (folder / "README.md").exists()
    assert [commit.title for commit in hub.repository(REPO).history("main")] == ["Upload of teacher", "initial commit"]


@pytest.mark.parametrize("broken", ["PUT /storage", "POST /lfs/verify", "POST .*/commit/", "POST .*/preupload/"])
def test_a_push_that_dies_half_way_is_repeated(hub, tmp_path, monkeypatch, broken):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    folder = tmp_path / "teacher"
    old, new = tiny.segmenter(seed=0), tiny.segmenter(seed=1)
    tiny.saved(folder, old)
    push_folder(folder, REPO)
    tiny.saved(folder, new)
    with hub.breaking(after=0, of=broken), pytest.raises(PushError) as raised:
        push_folder(folder, REPO)
    assert f"Nothing is lost, {folder} is complete; upload it later with: pointwssis push {folder} {REPO}" in str(
        raised.value
    )
    assert "\n" not in str(raised.value)
    assert tiny.same_weights(tiny.state_of(REPO), old[0].state_dict())  # whole as it was
    hub.requests.clear()
    push_folder(folder, REPO)
    assert tiny.same_weights(tiny.state_of(REPO), new[0].state_dict())
    uploads = sum(request.startswith("PUT") for request in hub.requests)
    assert uploads == (0 if broken in ("POST /lfs/verify", "POST .*/commit/") else 1)  # what had arrived stays there


def test_one_broken_connection_is_nothing(hub, tmp_path, monkeypatch):
    naps = []
    monkeypatch.setattr(time, "sleep", naps.append)
    answers = iter([True])  # breaks once
    breaks = hub.breaks
    monkeypatch.setattr(hub, "breaks", lambda request: breaks(request) or ("PUT" in request and next(answers, False)))
    push_folder(tiny.saved_segmenter(tmp_path / "t"), REPO)
    assert naps == [1] and "model.safetensors" in hub.files(REPO)


@pytest.mark.parametrize(
    ("token", "repo", "expected"),
    [
        (None, "tester/x", "pushing to the Hub needs a token: set HF_TOKEN"),
        ("hf_wrong", "tester/x", "denied access (Invalid user token."),
        ("hf_reader", "tester/x", "tester/x: tester has no write access ("),
        ("hf_owner", "somebody/x", "somebody/x: tester has no write access ("),
        ("hf_owner", "tester/x/y", "tester/x/y: tester has no write access (Repo id must be in the form"),
        ("hf_stranger", "pointwssis/there", "pointwssis/there: stranger has no write access ("),
    ],
)
def test_who_cannot_push_hears_it_at_once(hub, monkeypatch, token, repo, expected):
    HfApi().create_repo("pointwssis/there")
    monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PushError) as raised:
        check_write_access([repo])
    assert expected in str(raised.value) and "hf auth login" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_access_makes_the_repositories(hub):
    check_write_access(["pointwssis/a", "b"], private=True)
    check_write_access(["pointwssis/a", "tester/b"])
    assert [(id, repo.private) for (_, id), repo in hub.repositories.items()] == [
        ("pointwssis/a", True),
        ("tester/b", True),
    ]


def test_a_hub_out_of_reach(hub, monkeypatch):
    monkeypatch.setattr("pointwssis.hub.client.HfApi", lambda: HfApi(endpoint="http://127.0.0.1:9"))
    with pytest.raises(PushError, match=r"the Hub at http://127.0.0.1:9 denied access"):
        check_write_access(["tester/x"])


def test_registering_twice_wraps_once():
    first = AutoConfig.from_pretrained.__func__
    register()
    assert AutoConfig.from_pretrained.__func__ is first
