# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Export a model with its code, for environments with transformers, torch, NumPy and Pillow but without pointwssis.

python examples/export_remote_code.py outputs/nuclei/student_refined outputs/remote
python examples/export_remote_code.py outputs/nuclei/student_refined outputs/remote --push_to_hub me/nuclei-remote
python examples/export_remote_code.py general outputs/general_remote

`general` is the refiner of the package. The exported model is loaded with `trust_remote_code=True`. Its modules lie
beside the weights without folders, as transformers requires.
"""

import argparse
import ast
import functools
import json
import re
import shutil
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig

import pointwssis
from pointwssis.cli.endings import run_script
from pointwssis.hub.cards.released import bare_card
from pointwssis.hub.client import push_folder
from pointwssis.models.mask_refine_net.named_mask_refine_net import GENERAL_REFINER, find_refiner

PACKAGE = Path(pointwssis.__file__).parent
# Required by transformers itself, and Pillow, which every program that reads images has.
PACKAGES = {"torch", "numpy", "PIL", "transformers", "huggingface_hub", "safetensors"}
# Our package that is not exported: classes imported from it are removed from the bases of exported classes.
LEFT_BEHIND = "hub"


@dataclass(frozen=True)
class Exported:
    """Classes that are exported with a model, as "module.Class" with modules relative to the package.

    Args:
        auto_classes: name of transformers' Auto class → class.
        image_processor: class of the image processor.
        task: task of the pipeline.
        pipeline: class of the pipeline.
        pipeline_auto_class: name of the Auto class that loads the pipeline's model.
        usage: Python code of the card, with $name for the repository.
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
rough_mask[20:40, 10:50] = True  # the mask that another model predicted for this point
for instance in refiner(image, rough_masks=[rough_mask], points=[(30, 30)], labels=[0]):
    print(instance["label"], instance["mask"].size)

# With an exported teacher: pipeline("point-instance-segmentation", …)(image, points=…, refiner=refiner)
""",
    ),
}

# Our backbones: `model_type` of the backbone's configuration → classes of the configuration and of the backbone.
BACKBONES = {
    "efficientnet_lite": (
        "models.efficientnet_lite.configuration_efficientnet_lite.EfficientNetLiteConfig",
        "models.efficientnet_lite.modeling_efficientnet_lite.EfficientNetLiteBackbone",
    ),
}

# End of the configuration's module of a model with such a backbone
REGISTRATION = """
# Register the backbone of this model, unless pointwssis or another export has done so.
from transformers import CONFIG_MAPPING, AutoBackbone, AutoConfig

from .$config_module import $config_class
from .$backbone_module import $backbone_class

if "$model_type" not in CONFIG_MAPPING:
    AutoConfig.register("$model_type", $config_class)
    AutoBackbone.register($config_class, $backbone_class)
"""

# End of the pipeline's module: `save_pretrained` copies the code of a pipeline with this attribute only.
SAVED_CODE = """
# Let `save_pretrained` copy this code beside the model, which names it in its configuration.
from transformers import $auto_class

$pipeline_class._registered_impl = {
    "$task": {"impl": $pipeline_class, "pt": ($auto_class,), "type": "image"}
}
"""


def export(model_dir: Path, output_dir: Path, name: str) -> list[str]:
    """Write weights, configuration, code and card of a model to a folder.

    Args:
        model_dir: folder of a SOLOv2 or a MaskRefineNet.
        output_dir: new or empty folder.
        name: repository or folder from which the export will be loaded, for the card.

    Returns:
        Names of the Python files.

    Raises:
        ValueError: the output folder is not empty, or the model is neither of the two.
    """
    if output_dir.exists() and any(output_dir.iterdir()):
        raise ValueError(f"{output_dir}: exists and is not empty; choose another folder or delete it")
    config = AutoConfig.from_pretrained(model_dir)
    if config.model_type not in MODELS:
        raise ValueError(f"{model_dir}: is a {config.model_type} model; expected one of {', '.join(MODELS)}")
    exported = MODELS[config.model_type]
    code = model_code(exported, config.backbone_config.model_type)
    # Weights, as they are.
    output_dir.mkdir(parents=True, exist_ok=True)
    for weights in model_dir.glob("*.safetensors*"):
        shutil.copyfile(weights, output_dir / weights.name)
    # Configurations, with the classes that transformers has to load.
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
    # Code and card.
    for file, source in code.items():
        (output_dir / file).write_text(source, encoding="utf-8")
    readme = model_dir / "README.md"
    card = readme.read_text(encoding="utf-8") if readme.is_file() else bare_card(name, config)
    usage = exported.usage.replace("$name", name)
    (output_dir / "README.md").write_text(exported_card(card, name, usage), encoding="utf-8")
    return list(code)


def extend_json(source: Path, target: Path, file: str, **values: Any) -> None:
    """Copy a JSON file from one folder to another, with additional keys."""
    contents = json.loads((source / file).read_text(encoding="utf-8"))
    (target / file).write_text(json.dumps({**contents, **values}, indent=2) + "\n", encoding="utf-8")


def exported_card(card: str, name: str, usage: str) -> str:
    """Return a model card with the title, the code and the library of the export; the rest is unchanged.

    The first Python code is replaced. A card without any gets a section at its end.
    """
    code = f"```python\n{usage}```"
    card, num_replaced = re.subn(r"```python\n.*?```", lambda _: code, card, count=1, flags=re.S)
    if num_replaced == 0:
        card = f"{card.rstrip()}\n\n## Usage\n\n{code}\n"
    card = re.sub(r"^# .*$", f"# {name.rstrip('/').rpartition('/')[2]}", card, count=1, flags=re.M)
    card = re.sub(r"<!-- Written by pointwssis\..*-->\n?", "", card)
    return card.replace("library_name: pointwssis", "library_name: transformers", 1)


# -- code


def model_code(exported: Exported, backbone_type: str) -> dict[str, str]:
    """Return file name → source for a model with a backbone of the given `model_type`.

    If the backbone is ours, the model's configuration registers it: transformers imports the configuration first.
    """
    references = [*exported.auto_classes.values(), exported.image_processor, exported.pipeline]
    code = flat_modules([*references, *BACKBONES.get(backbone_type, ())])
    if backbone_type in BACKBONES:
        config_module, _, _ = flat_reference(exported.auto_classes["AutoConfig"]).partition(".")
        code[f"{config_module}.py"] += backbone_registration(backbone_type)
    # A pipeline that was loaded from the export can be saved, and loaded again.
    pipeline_module, _, pipeline_class = flat_reference(exported.pipeline).partition(".")
    code[f"{pipeline_module}.py"] += string.Template(SAVED_CODE).substitute(
        auto_class=exported.pipeline_auto_class, pipeline_class=pipeline_class, task=exported.task
    )
    return code


def backbone_registration(backbone_type: str) -> str:
    """Return the statements that register one of our backbones with transformers."""
    config, backbone = (flat_reference(reference).split(".") for reference in BACKBONES[backbone_type])
    return string.Template(REGISTRATION).substitute(
        model_type=backbone_type,
        config_module=config[0],
        config_class=config[1],
        backbone_module=backbone[0],
        backbone_class=backbone[1],
    )


def flat_reference(reference: str) -> str:
    """Return a class as `auto_map` refers to it: "models.solov2.modeling_solov2.X" → "modeling_solov2.X"."""
    module, _, name = reference.rpartition(".")
    return f"{flat_name(module)}.{name}"


def flat_name(module: str) -> str:
    """Return the name of a module without folders; modules of a model already contain the model's name."""
    folder, _, stem = module.rpartition(".")
    return stem if folder.startswith("models.") else f"{folder}_{stem}".replace(".", "_")


def flat_modules(references: list[str]) -> dict[str, str]:
    """Return file name → source for all modules that these classes need."""
    pending, sources = [reference.rpartition(".")[0] for reference in references], {}
    while pending:
        module = pending.pop()
        if f"{flat_name(module)}.py" not in sources:
            source, needed = flattened(module)
            sources[f"{flat_name(module)}.py"] = source
            pending += needed
    return dict(sorted(sources.items()))


def flattened(module: str) -> tuple[str, list[str]]:
    """Return the source of a module with imports of our modules as siblings, and the names of these modules.

    An import inside a function that needs more than `PACKAGES` becomes an error about the missing package.

    Raises:
        ValueError: the module itself needs more than `PACKAGES`.
    """
    source = read(module)
    lines, needed, bases = source.splitlines(), [], []
    # From the last import to the first, so that line numbers stay valid.
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
    """Return True for a module that is not exported."""
    return module.partition(".")[0] == LEFT_BEHIND


def read(module: str) -> str:
    """Return the source of a module."""
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")


@functools.cache
def own_imports(module: str) -> list[tuple[ast.ImportFrom, str, bool]]:
    """Return the imports of our modules: statement, imported module, and True if it is inside a function."""
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
    """Return True if a module needs only `PACKAGES` and the standard library, directly and through our modules."""
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
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a teacher, a student or a refiner; or general")
    parser.add_argument("output_dir", type=Path, help="new folder")
    parser.add_argument("--push_to_hub", metavar="REPO", help="upload to this repository, such as me/nuclei-remote")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    options = parser.parse_args()
    is_general = options.model == Path(GENERAL_REFINER)
    model_dir = Path(find_refiner(GENERAL_REFINER)) if is_general else options.model
    files = export(model_dir, options.output_dir, options.push_to_hub or str(options.output_dir))
    print(f"{options.output_dir}: {len(files)} modules beside the weights")
    if options.push_to_hub:
        print(push_folder(options.output_dir, options.push_to_hub, options.private))


if __name__ == "__main__":
    sys.exit(run_script(main))
