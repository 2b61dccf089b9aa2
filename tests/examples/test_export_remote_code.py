# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exported models give the package's masks in a process that has neither the package nor what it stands on."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from transformers import CONFIG_MAPPING, ResNetConfig, pipeline
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from helpers import tiny
from helpers.paths import EXAMPLES
from pointwssis import SOLOv2Config
from pointwssis.hub.client import push_folder
from pointwssis.models.efficientnet_lite import EfficientNetLiteConfig
from pointwssis.models.mask_refine_net.named_mask_refine_net import GENERAL_REFINER_FOLDER

EXAMPLE = EXAMPLES / "export_remote_code.py"
TILE_SIZE = 40  # the picture of 64 × 64 pixels has several tiles
CLICKS = {"points": [(10, 20), (50, 40)], "labels": ["star", None]}

# Nothing that pointwssis asks for beyond transformers can be imported.
PULL = """
import json, sys
for name in ("pointwssis", "pycocotools", "datasets", "accelerate", "pandas", "pyarrow", "torchvision"):
    sys.modules[name] = None
from transformers import AutoImageProcessor, AutoModel, AutoModelForInstanceSegmentation, pipeline

segmenter, refiner, image, clicks, usages = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]), sys.argv[5:]
model = AutoModelForInstanceSegmentation.from_pretrained(segmenter, trust_remote_code=True)
processor = AutoImageProcessor.from_pretrained(segmenter, trust_remote_code=True)
assert type(AutoModel.from_pretrained(refiner, trust_remote_code=True)).__name__ == "MaskRefineNetForMaskRefinement"
teach = pipeline(model=segmenter, trust_remote_code=True)  # the task is in the configuration
mend = pipeline("point-mask-refinement", model=refiner, trust_remote_code=True)
by_hand = type(teach)(model=model, image_processor=processor, device="cpu")
rough = teach(image, **clicks, mask_format="rle")
masks = {"rough_masks": [each["mask"] for each in rough], "points": clicks["points"]}
try:
    mend(image, rough_masks=[[[0, 0, 9, 0, 9, 9]]], points=[(3, 3)], labels=["star"])
except ImportError as error:
    polygons = str(error)
try:
    teach(image, **clicks, refiner="general")
except ValueError as error:
    general = str(error)
answers = {
    "rough": rough,
    "by_hand": by_hand(image, **clicks, mask_format="rle"),
    "instances": teach(image, mask_format="rle"),
    "refined": mend(image, **masks, labels=[each["label"] for each in rough], mask_format="rle"),
    "both": teach(image, **clicks, refiner=mend, mask_format="rle"),
    "stock": len(pipeline("image-segmentation", model=segmenter, trust_remote_code=True)(image, threshold=0.0)),
    "polygons": polygons,
    "general": general,
}
# A pipeline of an export is saved with its code, any number of times.
for folder in ("saved", "saved_again"):
    teach.save_pretrained(folder)
    mend.save_pretrained(f"{folder}_refiner")
    teach = pipeline("point-instance-segmentation", model=folder, trust_remote_code=True)
    mend = pipeline("point-mask-refinement", model=f"{folder}_refiner", trust_remote_code=True)
answers["saved"] = teach(image, **clicks, refiner=mend, mask_format="rle")
for usage in usages:
    exec(compile(usage, "README.md", "exec"), {})
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("export_remote_code", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["export_remote_code"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=["resnet", "efficientnet_lite"])
def exported(request, example, tmp_path_factory) -> Path:
    """Return a folder with `segmenter`, `refiner`, and an export of each.

    With our own backbone, the image processor of the segmenter cuts tiles, and the refiner is that of the package.
    """
    tmp_path = tmp_path_factory.mktemp(request.param)
    if request.param == "resnet":
        tiny.saved_segmenter(tmp_path / "segmenter")
        tiny.saved_refiner(tmp_path / "refiner")
    else:
        model, processor = tiny.segmenter(backbone_config=tiny.EFFICIENTNET_LITE)
        processor.tile_size = TILE_SIZE
        tiny.saved(tmp_path / "segmenter", (model, processor))
        shutil.copytree(GENERAL_REFINER_FOLDER, tmp_path / "refiner")
    tiny.picture().save(tmp_path / "photo.jpg", quality=95)
    for name in ("segmenter", "refiner"):
        example.export(tmp_path / name, tmp_path / f"{name}_remote", f"{name}_remote")
    return tmp_path


def is_ours(exported: Path) -> bool:
    """Return True if the models in the folder of the fixture have our own backbone."""
    return exported.name.startswith("efficientnet_lite")


@pytest.fixture
def one_thread():
    """Compute with one thread, as the other process does: sums in another order round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_same_masks_without_the_package(exported, hub, monkeypatch, one_thread):
    """The one comes from the Hub, the other from a folder."""
    push_folder(exported / "segmenter_remote", "tester/remote")
    monkeypatch.chdir(exported)
    teach = pipeline("point-instance-segmentation", model="segmenter")
    mend = pipeline("point-mask-refinement", model="refiner")
    rough = teach("photo.jpg", **CLICKS, mask_format="rle")
    masks = {"rough_masks": [each["mask"] for each in rough], "points": CLICKS["points"]}
    expected = {
        "rough": rough,
        "by_hand": rough,
        "instances": teach("photo.jpg", mask_format="rle"),
        "refined": mend("photo.jpg", **masks, labels=[each["label"] for each in rough], mask_format="rle"),
        "both": teach("photo.jpg", **CLICKS, refiner=mend, mask_format="rle"),
        "saved": teach("photo.jpg", **CLICKS, refiner=mend, mask_format="rle"),
        "stock": len(pipeline("image-segmentation", model="segmenter")("photo.jpg", threshold=0.0)),
    }
    usages = [
        re.search(r"```python\n(.*?)```", Path(f"{name}_remote", "README.md").read_text("utf-8"), re.S)[1]
        for name in ("segmenter", "refiner")
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HOME": str(exported / "home")}
    command = [
        sys.executable,
        "-c",
        PULL,
        "tester/remote",
        "refiner_remote",
        "photo.jpg",
        json.dumps(CLICKS),
        *usages,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    *printed, last = done.stdout.splitlines()
    answers = json.loads(last)
    assert answers.pop("polygons") == "this needs the package pointwssis"
    assert "is in the package pointwssis, not in this exported model" in answers.pop("general")
    assert answers == json.loads(json.dumps(expected))
    assert len(printed) == 3 and all(line.endswith("(64, 64)") for line in printed)  # the cards' own code


def test_what_is_exported(exported):
    for name in ("segmenter", "refiner"):
        folder = exported / f"{name}_remote"
        files = {path.name for path in folder.iterdir()}
        assert (folder / "model.safetensors").read_bytes() == (exported / name / "model.safetensors").read_bytes()
        config = json.loads((folder / "config.json").read_text())
        processor = json.loads((folder / "preprocessor_config.json").read_text())
        if name == "segmenter":
            assert processor.get("tile_size") == (TILE_SIZE if is_ours(exported) else None)
        references = [*config["auto_map"].values(), *processor["auto_map"].values()]
        references += [each["impl"] for each in config["custom_pipelines"].values()]
        for reference in references:
            module, _, kind = reference.partition(".")
            assert f"class {kind}(" in (folder / f"{module}.py").read_text("utf-8")
        allowed = {"torch", "numpy", "PIL", "transformers", "huggingface_hub", "safetensors", *sys.stdlib_module_names}
        for path in folder.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level:
                    assert node.level == 1 and f"{node.module}.py" in files, path.name
                elif isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                    assert {each.partition(".")[0] for each in names} <= allowed, path.name
            assert path.read_text("utf-8").startswith("# Copyright")


def test_the_card_says_how_it_is_loaded(exported, example):
    text = (exported / "segmenter_remote" / "README.md").read_text("utf-8")
    assert ModelCard(text).data.library_name == "transformers" and "# segmenter_remote" in text
    assert "trust_remote_code=True" in text and "import pointwssis" not in text
    trained = (
        "---\nlibrary_name: pointwssis\n---\n# a\n```python\nx\n```\n| AP |\n```python\ny\n```\n"
        "<!-- Written by pointwssis. A. -->\n"
    )
    changed = example.exported_card(trained, "me/b", "use\n")
    assert changed == "---\nlibrary_name: transformers\n---\n# b\n```python\nuse\n```\n| AP |\n```python\ny\n```\n"
    without_code = example.exported_card("# a\n\ntext\n", "me/b", "use\n")
    assert without_code == "# b\n\ntext\n\n## Usage\n\n```python\nuse\n```\n"


def test_to_the_hub(exported, example, hub, monkeypatch, capsys):
    words = [str(exported / "segmenter"), str(exported / "out"), "--push_to_hub", "tester/remote", "--private"]
    monkeypatch.setattr(sys, "argv", ["export_remote_code.py", *words])
    example.main()
    assert f"{hub.url}/tester/remote" in capsys.readouterr().out
    assert {"modeling_solov2.py", "config.json", "model.safetensors"} <= hub.files("tester/remote").keys()
    assert 'model="tester/remote", trust_remote_code=True' in hub.files("tester/remote")["README.md"].decode()
    assert HfApi().model_info("tester/remote").private


def test_the_refiner_of_the_package_by_name(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["export_remote_code.py", "general", "out"])
    example.main()
    assert Path("out/model.safetensors").read_bytes() == (GENERAL_REFINER_FOLDER / "model.safetensors").read_bytes()


def test_the_package_still_loads_an_export(exported):
    """With pointwssis installed, only the pipeline of the export needs trust_remote_code, not the model."""
    local = pipeline("point-instance-segmentation", model=str(exported / "segmenter"))
    image = tiny.picture()
    trusted = pipeline("point-instance-segmentation", model=str(exported / "segmenter_remote"), trust_remote_code=True)
    assert type(trusted.model) is type(local.model)
    assert trusted(image, **CLICKS, mask_format="rle") == local(image, **CLICKS, mask_format="rle")


def test_only_models_with_our_backbone_bring_it(exported):
    for name in ("segmenter", "refiner"):
        files = sorted(path.name for path in (exported / f"{name}_remote").glob("*efficientnet_lite*"))
        expected = ["configuration_efficientnet_lite.py", "modeling_efficientnet_lite.py"]
        assert files == (expected if is_ours(exported) else [])


def test_an_export_leaves_the_backbone_of_the_package_registered(exported):
    """The configuration of the export is imported, and the backbone class of the package remains in use."""
    folder = exported / "segmenter_remote"
    config_class = get_class_from_dynamic_module("configuration_solov2.SOLOv2Config", folder)
    assert config_class is not SOLOv2Config
    assert CONFIG_MAPPING["efficientnet_lite"] is EfficientNetLiteConfig
    assert type(config_class(backbone_config=tiny.EFFICIENTNET_LITE).backbone_config) is EfficientNetLiteConfig


def test_what_cannot_be_exported(example, tmp_path):
    ResNetConfig().save_pretrained(tmp_path / "resnet")
    with pytest.raises(ValueError, match="is a resnet model; expected one of solov2, mask_refine_net"):
        example.export(tmp_path / "resnet", tmp_path / "out", "out")
    tiny.saved_segmenter(tmp_path / "segmenter")
    with pytest.raises(ValueError, match="exists and is not empty"):
        example.export(tmp_path / "segmenter", tmp_path / "resnet", "out")
    assert not (tmp_path / "out").exists()


def test_imports_that_need_the_package_are_found(example):
    assert example.stands_alone("ops.rle") and example.stands_alone("models.solov2.modeling_solov2")
    assert not example.stands_alone("ops.coco_masks") and not example.stands_alone("data.schema")
    with pytest.raises(ValueError, match=r"visualization.drawing imports ops.coco_masks, and that needs more than"):
        example.flattened("visualization.drawing")
