# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The program that runs ONNX files, as a package beside them: `onnx_runtime` and the modules of `ops` that it needs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = "onnx_point_segmenter"
SOURCE = Path(__file__).parents[1]
IMPORT = re.compile(r"^(\s*from \.)(\.ops\.)?(\w+) import", re.M)


def write_runtime(folder: Path, config: Mapping[str, Any], has_int8: bool) -> None:
    """Write the package `onnx_point_segmenter` and a README.md into a folder of ONNX files.

    Args:
        folder: the folder.
        config: the settings in its config.json.
        has_int8: the folder has an 8-bit encoder.
    """
    target = folder / PACKAGE
    target.mkdir()
    for path in runtime_modules():
        # Names of modules are unique in the package, so all fit into one folder.
        text = IMPORT.sub(r"\1\3 import", path.read_text(encoding="utf-8"))
        (target / path.name).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readme(config, has_int8), encoding="utf-8")


def runtime_modules() -> list[Path]:
    """Return the modules of `onnx_runtime`, and those of `ops` that they import, directly or not."""
    found = sorted((SOURCE / "onnx_runtime").glob("*.py"))
    for path in found:  # which grows
        for _, from_ops, name in IMPORT.findall(path.read_text(encoding="utf-8")):
            module = (SOURCE / "ops" if from_ops else path.parent) / f"{name}.py"
            if module not in found:
                found.append(module)
    return found


def readme(config: Mapping[str, Any], has_int8: bool) -> str:
    """Return the text of README.md: files, usage, requirements."""
    names = list(config["id2label"].values())
    classes = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    files = [
        "| `encoder.onnx` | images → class confidences, mask kernels, mask features; once per image |",
        "| `point_decoder.onnx` | points → masks, classes, scores; any number of points |",
        "| `detector.onnx` | proposals without points; non-maximum suppression follows outside |",
    ]
    if has_int8:
        files.insert(
            1, "| `encoder_int8.onnx` | the same with 8-bit convolutions: `OnnxPointSegmenter(folder, int8=True)` |"
        )
    if config["refiner"] is not None:
        files.append("| `refiner.onnx` | crops with rough masks and points → refined masks |")
    return README.format(classes=classes, files="\n".join(files))


README = """# Point segmenter in ONNX

Written by `pointwssis onnx`. Classes: {classes}.

```bash
pip install onnxruntime numpy pillow
```

In the folder of this file, or with it in `sys.path`:

```python
from onnx_point_segmenter import OnnxPointSegmenter

segmenter = OnnxPointSegmenter(".")
session = segmenter.encode("photo.jpg")
points = [(120, 80), (300, 210)]  # (x, y) in pixels of the upright image
for number, instance in enumerate(session(points)):
    instance["mask"].save(f"mask_{{number}}.png")
    print(instance["label"], instance["score"], instance["box"])
everything = session()  # ordinary instance segmentation
```

Arguments and results are those of the pipeline `point-instance-segmentation`; `help(OnnxPointSegmenter)` lists them.

| file | content |
|---|---|
{files}
| `config.json` | class names, preparation of images, thresholds |
| `onnx_point_segmenter/` | the program: Python with NumPy and Pillow, under the Apache License 2.0 |
| `manifest.json` | checksums of the files |
"""
