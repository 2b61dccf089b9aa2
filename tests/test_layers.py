# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The layers of the package: imports go downward only, and `ops` stays free of the Hugging Face stack."""

import ast
import re
import sys
from collections import Counter

import pytest

from helpers.paths import ROOT

SOURCE = ROOT / "src" / "pointwssis"

# From top to bottom; packages of one layer do not import each other. CONTRIBUTING.md shows the same table.
LAYERS = [
    ["cli"],
    ["app"],
    ["planning"],
    ["checking", "review"],
    ["runs"],
    ["registration", "conversion", "onnx_export"],
    ["pseudo_labeling"],
    ["pipelines", "training"],
    ["evaluation", "visualization"],
    ["models", "data", "onnx_runtime"],
    ["hub"],
    ["ops"],
]
# Inside `data`, from top to bottom.
DATA_LAYERS = [
    ["prepared"],
    ["loading", "row_checks"],
    ["merge", "statistics", "point_noise", "synthetic", "shape_scenes", "labeling_plan"],
    ["formats", "annotation_cost"],
    ["schema", "class_names", "errors", "splits"],
]
OPS_MAY_IMPORT = {"torch", "numpy", "pycocotools", "PIL", "yaml", *sys.stdlib_module_names}


def depths(layers: list[list[str]]) -> dict[str, int]:
    """Return the layer of each unit, 0 at the top."""
    return {unit: depth for depth, layer in enumerate(layers) for unit in layer}


def imported_modules(source: str, package: str) -> set[str]:
    """Return the absolute dotted names of everything that `source`, a module inside `package`, imports.

    Example:
        >>> sorted(imported_modules("from ..ops import rle\\nimport torch.nn as nn", "pointwssis.hub"))
        ['pointwssis.ops.rle', 'torch.nn']
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


def violations(module: str, source: str) -> list[str]:
    """Return one sentence per rule that a module breaks.

    Args:
        module: dotted name below the package root, such as "data.formats.coco".
        source: its text.
    """
    unit, depth = module.partition(".")[0], depths(LAYERS)
    if unit not in depth:
        return [f"{unit} has no place in LAYERS"]
    package = ".".join(["pointwssis", *module.split(".")[:-1]])
    problems = []
    for name in sorted(imported_modules(source, package)):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top != "pointwssis":
            if unit == "ops" and top not in OPS_MAY_IMPORT:
                problems.append(f"ops is pure, but imports {top}")
        elif target not in depth:
            problems.append(f"{unit} imports {target or 'everything'} from the package root")
        elif target != unit and depth[target] <= depth[unit]:
            problems.append(f"{unit} imports {target}, which does not lie below it")
        elif target == unit == "data":
            problems += data_violations(module, rest)
    return problems


def data_violations(module: str, target: str) -> list[str]:
    """Return what an import of `target` by `module`, both in `data`, breaks."""
    own, other = module.split(".")[1], target.split(".")[1]
    depth = depths(DATA_LAYERS)
    missing = [f"data.{name} has no place in DATA_LAYERS" for name in (own, other) if name not in depth]
    if missing:
        return missing
    lies_below = depth[other] > depth[own] or (depth[other] == depth[own] and own != "formats")
    return [] if own == other or lies_below else [f"data.{own} imports data.{other}, which does not lie below it"]


def modules() -> list[str]:
    """Return the dotted names, below the package root, of all modules except the two dunder files at the root."""
    paths = [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py"))]
    return [".".join(path.with_suffix("").parts) for path in paths if len(path.parts) > 1 or path.stem[0] != "_"]


def source_of(module: str) -> str:
    return SOURCE.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")


@pytest.mark.parametrize("module", [name for name in modules() if name != "data.__init__"])
def test_imports_go_downward(module):
    assert violations(module, source_of(module)) == []


def test_the_root_holds_registration_only():
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py", "registration.py"}


def test_every_package_stands_in_the_table():
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert folders | {"registration"} == set(depths(LAYERS))


def test_contributing_shows_the_same_table():
    block = re.search(r"## Layers\n\n```\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S).group(1)
    rows = [re.split(r"\s{3,}", line)[0].split(" | ") for line in block.splitlines() if line[:1].strip()]
    assert rows == LAYERS


def test_every_package_says_what_lives_in_it():
    empty = [
        name for name in modules() if name.endswith("__init__") and not ast.get_docstring(ast.parse(source_of(name)))
    ]
    assert empty == []


def test_module_names_are_unique():
    # A command of the command line is named for what it calls.
    stems = Counter(name.rpartition(".")[2] for name in modules() if not name.startswith("cli."))
    assert {stem for stem, count in stems.items() if count > 1} == {"__init__"}


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("ops.masks", "import transformers", "ops is pure, but imports transformers"),
        ("ops.points", "def f():\n    from datasets import Dataset", "ops is pure, but imports datasets"),
        ("ops.losses", "import tqdm", "ops is pure, but imports tqdm"),
        ("ops.masks", "from ..models import solov2", "ops imports models, which does not lie below it"),
        ("models.factory", "from ..data.schema import X", "models imports data, which does not lie below it"),
        ("data.merge", "import pointwssis.models.factory", "data imports models, which does not lie below it"),
        (
            "pipelines.base",
            "from pointwssis.training import x",
            "pipelines imports training, which does not lie below it",
        ),
        ("runs.segmenter_stage", "from ..cli.run import main", "runs imports cli, which does not lie below it"),
        ("training.trainer", "from .. import __version__", "training imports __version__ from the package root"),
        ("training.trainer", "import pointwssis", "training imports everything from the package root"),
        ("training.trainer", "from pointwssis import X", "training imports X from the package root"),
        ("helpers.x", "import torch", "helpers has no place in LAYERS"),
        ("data.merge", "from .loading import x", "data.merge imports data.loading, which does not lie below it"),
        ("data.formats.coco", "from ..merge import x", "data.formats imports data.merge, which does not lie below it"),
        ("data.merge", "from .odds import x", "data.odds has no place in DATA_LAYERS"),
    ],
)
def test_checker_finds_a_violation(module, source, expected):
    assert violations(module, source) == [expected]


def test_checker_allows_downward_and_own_imports():
    source = "from .loss_solov2 import x\nfrom ...ops.nms import y\nfrom ...ops import points\nimport transformers"
    assert violations("models.solov2.decoding_solov2", source) == []
    assert violations("cli.run", "from ..runs.segmenter_stage import train_segmenter\nfrom ..data import schema") == []
    assert violations("data.formats.coco", "from ..schema import x\nfrom .reader import y") == []
