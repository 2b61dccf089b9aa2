# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Import torchvision beside a torch that its compiled operators were not built for.

Where those do not load, `import torchvision` fails at the first operator that it describes. The transforms need
none of them, so it is enough to declare the two that are missing by name.
"""

import importlib.util
import sys

import torch

_LIBRARIES = []  # a library's operators live as long as the object


def make_torchvision_importable() -> None:
    """Import torchvision if it is on the path, and declare its operators first if they are missing."""
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        import torchvision  # noqa: F401
