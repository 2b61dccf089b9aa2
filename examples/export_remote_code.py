# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""A model with the code that it needs, for people who have transformers, torch, NumPy and Pillow but not pointwssis.

python examples/export_remote_code.py outputs/nuclei/student_refined outputs/remote
python examples/export_remote_code.py outputs/nuclei/student_refined outputs/remote --push_to_hub me/nuclei-remote

They load it with `trust_remote_code=True`. The modules lie flat beside the weights, as transformers wants them.
"""

import argparse
import ast
import functools
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig

import pointwssis
from pointwssis.hub.cards.released import bare_card
from pointwssis.hub.client import push_folder

PACKAGE = Path(pointwssis.__file__).parent
# What transformers itself does not run without, and Pillow, which images take anyway.
PACKAGES = {"torch", "numpy", "PIL", "transformers", "huggingface_hub"}
# Of ours, what is about the package and not about its models: classes that are imported from it are no bases any more.
LEFT_BEHIND = "hub"


@dataclass(frozen=True)
class Exported:
    """Which classes of a model go along, as "module.Class", modules relative to the package.

    Args:
        auto_classes: transformers' Auto class → class.
        image_processor: class.
        task: of the pipeline.
        pipeline: class.
        pipeline_auto_class: that loads the pipeline's model.
        usage: Python with $name.
    """

    auto_classes: dict[str, str]
    image_processor: str
    task: str
    pipeline: str
    pipeline_auto_class: str
    usage: str


MODELS = {
    "solov2": Exported(
        auto_classes={
            "AutoConfig": "models.solov2.configuration_solov2.SOLOv2Config",
            "AutoModel": "models.solov2.modeling_solov2.SOLOv2Model",
            "AutoModelForInstanceSegmentation": "models.solov2.modeling_solov2.SOLOv2ForInstanceSegmentation",
            "AutoModelForImageSegmentation": "models.solov2.modeling_solov2.SOLOv2ForInstanceSegmentation",
        },
        image_processor="models.solov2.image_processing_pil_solov2.SOLOv2ImageProcessorPil",
        task="point-instance-segmentation",
        pipeline="pipelines.point_instance_segmentation.PointInstanceSegmentationPipeline",
        pipeline_auto_class="AutoModelForInstanceSegmentation",
        usage="""from transformers import pipeline

segmenter = pipeline("point-instance-segmentation", model="$name", trust_remote_code=True)
for instance in segmenter("photo.jpg", points=[(30, 30), (50, 20)]):  # without points: all instances
    print(instance["label"], instance["score"], instance["mask"].size)
""",
    ),
    "mask_refine_net": Exported(
        auto_classes={
            "AutoConfig": "models.mask_refine_net.configuration_mask_refine_net.MaskRefineNetConfig",
            "AutoModel": "models.mask_refine_net.modeling_mask_refine_net.MaskRefineNetForMaskRefinement",
        },
        image_processor="models.mask_refine_net.image_processing_pil_mask_refine_net.MaskRefineNetImageProcessorPil",
        task="point-mask-refinement",
        pipeline="pipelines.point_mask_refinement.PointMaskRefinementPipeline",
        pipeline_auto_class="AutoModel",
        usage="""import numpy as np
from PIL import Image
from transformers import pipeline

refiner = pipeline("point-mask-refinement", model="$name", trust_remote_code=True)
image = Image.open("photo.jpg")
rough_mask = np.zeros((image.height, image.width), bool)
rough_mask[20:40, 10:50] = True  # whatever another model gave for this point
for instance in refiner(image, rough_masks=[rough_mask], points=[(30, 30)], labels=[0]):
    print(instance["label"], instance["mask"].size)

# With a teacher that was exported too: pipeline("point-instance-segmentation", …)(image, points=…, refiner=refiner)
""",
    ),
}


def export(model_dir: Path, output_dir: Path, name: str) -> list[str]:
    """Writes weights, configuration, code and card.

    Args:
        model_dir: of a SOLOv2 or a MaskRefineNet.
        output_dir: a new or an empty folder.
        name: by which people will load it, for the card.

    Returns:
        Names of the Python files.
    """
    if output_dir.exists() and any(output_dir.iterdir()):
        raise ValueError(f"{output_dir}: exists and is not empty; choose another folder or delete it")
    config = AutoConfig.from_pretrained(model_dir)
    if config.model_type not in MODELS:
        raise ValueError(f"{model_dir}: is a {config.model_type} model; takes one of {', '.join(MODELS)}")
    exported = MODELS[config.model_type]
    code = flat_modules([*exported.auto_classes.values(), exported.image_processor, exported.pipeline])
    output_dir.mkdir(parents=True, exist_ok=True)
    for weights in model_dir.glob("*.safetensors*"):
        shutil.copyfile(weights, output_dir / weights.name)
    custom_pipeline = {
        "impl": flat_reference(exported.pipeline),
        "pt": [exported.pipeline_auto_class],
        "type": "image",
    }
    auto_map = {auto: flat_reference(reference) for auto, reference in exported.auto_classes.items()}
    extend_json(
        model_dir, output_dir, "config.json", auto_map=auto_map, custom_pipelines={exported.task: custom_pipeline}
    )
    processor = {"AutoImageProcessor": flat_reference(exported.image_processor)}
    extend_json(model_dir, output_dir, "preprocessor_config.json", auto_map=processor)
    for file, source in code.items():
        (output_dir / file).write_text(source, encoding="utf-8")
    readme = model_dir / "README.md"
    card = readme.read_text(encoding="utf-8") if readme.is_file() else bare_card(name, config)
    usage = exported.usage.replace("$name", name)
    (output_dir / "README.md").write_text(exported_card(card, name, usage), encoding="utf-8")
    return list(code)


def extend_json(source: Path, target: Path, file: str, **values: Any) -> None:
    """Copies a JSON file with more keys in it."""
    contents = json.loads((source / file).read_text(encoding="utf-8"))
    (target / file).write_text(json.dumps({**contents, **values}, indent=2) + "\n", encoding="utf-8")


def exported_card(card: str, name: str, usage: str) -> str:
    """A card whose code and head are those of the export; all else stays true."""
    card = re.sub(r"```python\n.*?```", lambda _: f"```python\n{usage}```", card, count=1, flags=re.S)
    card = re.sub(r"^# .*$", f"# {name.rstrip('/').rpartition('/')[2]}", card, count=1, flags=re.M)
    card = re.sub(r"<!-- Written by pointwssis\..*-->\n?", "", card)
    return card.replace("library_name: pointwssis", "library_name: transformers", 1)


# -- code


def flat_reference(reference: str) -> str:
    """A class as Auto classes are told it: "models.solov2.modeling_solov2.X" → "modeling_solov2.X"."""
    module, _, name = reference.rpartition(".")
    return f"{flat_name(module)}.{name}"


def flat_name(module: str) -> str:
    """The name of a module without folders; those of the models carry the model's name already."""
    folder, _, stem = module.rpartition(".")
    return stem if folder.startswith("models.") else f"{folder}_{stem}".replace(".", "_")


def flat_modules(references: list[str]) -> dict[str, str]:
    """File name → source of all modules that these classes need."""
    pending, sources = [reference.rpartition(".")[0] for reference in references], {}
    while pending:
        module = pending.pop()
        if f"{flat_name(module)}.py" not in sources:
            source, needed = flattened(module)
            sources[f"{flat_name(module)}.py"] = source
            pending += needed
    return dict(sorted(sources.items()))


def flattened(module: str) -> tuple[str, list[str]]:
    """The source of a module with the imports of our modules as siblings, and the names of these modules.

    What a function imports only when it is called, and cannot be had without pointwssis, becomes an error that says so.

    Raises:
        ValueError: the module itself imports such a thing.
    """
    source = read(module)
    lines, needed, bases = source.splitlines(), [], []
    for node, target, is_late in sorted(own_imports(module), key=lambda found: -found[0].lineno):
        names = ", ".join(a.name if a.asname is None else f"{a.name} as {a.asname}" for a in node.names)
        replaced = [f"{' ' * node.col_offset}from .{flat_name(target)} import {names}"]
        if is_left_behind(target):
            replaced, bases = [], [alias.name for alias in node.names]
        elif stands_alone(target):
            needed.append(target)
        elif is_late:
            replaced = [f'{" " * node.col_offset}raise ImportError("this needs the package pointwssis")']
        else:
            raise ValueError(f"{module} imports {target}, and that needs more than {', '.join(sorted(PACKAGES))}")
        lines[node.lineno - 1 : node.end_lineno] = replaced
    text = "\n".join(lines) + "\n"
    for base in bases:
        text = text.replace(f"({base}, ", "(")
    return text, needed


def is_left_behind(module: str) -> bool:
    return module.partition(".")[0] == LEFT_BEHIND


def read(module: str) -> str:
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")


@functools.cache
def own_imports(module: str) -> list[tuple[ast.ImportFrom, str, bool]]:
    """What a module imports of ours: the statement, the other module, and whether a function does it when called."""
    tree, found = ast.parse(read(module)), []
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    late = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            folders = module.split(".")[: -node.level]
            found.append((node, ".".join([*folders, node.module]), id(node) in late))
    return found


@functools.cache
def stands_alone(module: str) -> bool:
    """Whether a module can be had with `PACKAGES` and the standard library."""
    pending, seen = [module], set()
    while pending:
        name = pending.pop()
        seen.add(name)
        for node in ast.walk(ast.parse(read(name))):
            tops = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            tops += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(top.partition(".")[0] not in PACKAGES | sys.stdlib_module_names for top in tops):
                return False
        pending += [t for _, t, is_late in own_imports(name) if not is_late and t not in seen and not is_left_behind(t)]
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a teacher, a student or a refiner")
    parser.add_argument("output_dir", type=Path, help="new folder")
    parser.add_argument("--push_to_hub", metavar="REPO", help="upload it, such as to me/nuclei-remote")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    options = parser.parse_args()
    files = export(options.model, options.output_dir, options.push_to_hub or str(options.output_dir))
    print(f"{options.output_dir}: {len(files)} modules beside the weights")
    if options.push_to_hub:
        print(push_folder(options.output_dir, options.push_to_hub, options.private))


if __name__ == "__main__":
    main()
