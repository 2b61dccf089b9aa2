# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The layers of the package: imports go downward only, and the bottom layer stays free of the Hugging Face stack."""

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pointwssis"

# From the top to the bottom; units of one layer do not import each other. A new module is placed here first.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"runs", "reporting", "sharing", "checking"},
    {"run_facts"},
    {"stages", "conversion", "registration", "run_data"},
    {"pipelines", "training", "pseudo_labels", "models", "recipe", "progress"},
    {"evaluation", "click_evaluation", "detections", "visualization", "curves", "training_data", "storage"},
    {"solov2", "mask_refine_net", "data"},
    {"hub"},
    {"cards", "model_card"},
    {"masks"},
    {"rle", "mask_geometry", "polygons", "prompts", "losses", "checkpoints", "array_pickles", "pixels", "augmentation"},
]
PURE = LAYERS[-1] | LAYERS[-2]
PURE_MAY_IMPORT = {"torch", "numpy", "pycocotools", "PIL", *sys.stdlib_module_names}
DEPTH = {unit: depth for depth, layer in enumerate(LAYERS) for unit in layer}


def imported_modules(source: str, package: str) -> set[str]:
    """Absolute dotted names of everything that `source`, a module inside `package`, imports, also inside functions.

    Example:
        >>> sorted(imported_modules("from ..masks import mask_iou\\nimport torch.nn as nn", "pointwssis.solov2"))
        ['pointwssis.masks.mask_iou', 'torch.nn']
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            names.update(".".join([*base, alias.name]) for alias in node.names)
    return names


def violations(unit: str, package: str, source: str) -> list[str]:
    """What the module breaks, one sentence each. `unit` is its file or folder right under the package."""
    if unit not in DEPTH:
        return [f"{unit} has no place in LAYERS"]
    problems = []
    for name in sorted(imported_modules(source, package)):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top != "pointwssis":
            if unit in PURE and top not in PURE_MAY_IMPORT:
                problems.append(f"{unit} is pure, but imports {top}")
        elif target not in DEPTH:
            problems.append(f"{unit} imports {target or 'everything'} from the package root")
        elif target != unit and DEPTH[target] <= DEPTH[unit]:
            problems.append(f"{unit} imports {target}, which does not lie below it")
    return problems


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downward(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    assert violations(parts[0], ".".join(["pointwssis", *parts[:-1]]), path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("unit", "source", "expected"),
    [
        ("masks", "import transformers", "masks is pure, but imports transformers"),
        ("prompts", "def f():\n    from datasets import Dataset", "prompts is pure, but imports datasets"),
        ("losses", "import tqdm", "losses is pure, but imports tqdm"),
        ("prompts", "from .masks import rle_iou", "prompts imports masks, which does not lie below it"),
        ("masks", "from . import solov2", "masks imports solov2, which does not lie below it"),
        ("solov2", "from ..data.schema import FEATURES", "solov2 imports data, which does not lie below it"),
        ("data", "import pointwssis.mask_refine_net", "data imports mask_refine_net, which does not lie below it"),
        ("pipelines", "from pointwssis.training import x", "pipelines imports training, which does not lie below it"),
        ("stages", "from .cli.run import main", "stages imports cli, which does not lie below it"),
        ("training", "from . import __version__", "training imports __version__ from the package root"),
        ("training", "import pointwssis", "training imports everything from the package root"),
        ("training", "from pointwssis import SOLOv2Config", "training imports SOLOv2Config from the package root"),
        ("helpers", "import torch", "helpers has no place in LAYERS"),
    ],
)
def test_checker_finds_a_violation(unit, source, expected):
    package = "pointwssis." + unit if unit in ("solov2", "data") else "pointwssis"
    assert violations(unit, package, source) == [expected]


def test_checker_allows_downward_and_own_imports():
    source = "from .loss_solov2 import x\nfrom ..masks import y\nfrom .. import prompts\nimport transformers"
    assert violations("solov2", "pointwssis.solov2", source) == []
    assert violations("cli", "pointwssis.cli", "from ..stages import train_teacher\nfrom .. import data") == []
