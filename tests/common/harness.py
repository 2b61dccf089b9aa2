# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' own test mixins, from the source distribution of the installed version (see fetch.py).

`from common.harness import ModelTesterMixin` gives the unchanged class, so a test module reads as it would inside
transformers. Importing this module skips the importing tests, visibly, where the distribution was not fetched.

The distribution holds only the top-level test modules. What they import from elsewhere is stood in for below: mixins
for text generation and export, which say nothing about our models, the values of a check that composite configurations
skip, and the download of a photograph, which is drawn instead.
"""

import importlib.metadata
import sys
import tempfile
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FETCHED = Path(__file__).parents[2] / ".cache" / "common-tests" / importlib.metadata.version("transformers")
if not (FETCHED / "transformers_tests" / "__init__.py").exists():
    pytest.skip("transformers' own tests are not here: run `make common-tests`", allow_module_level=True)


_PICTURES = tempfile.TemporaryDirectory()  # removed when the process ends


def _stand_in(name: str, **attributes: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module


def _drawn_photograph(url: str) -> str:
    """Return the path of a 480 × 640 picture with smooth colors and edges, in place of the photograph at `url`."""
    rows, columns = np.mgrid[:480, :640]
    channels = [rows * 255 // 479, columns * 255 // 639, 255 * ((rows // 40 + columns // 40) % 2)]
    path = Path(_PICTURES.name) / "photograph.png"
    Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).save(path)
    return str(path)


_stand_in("transformers_tests.exporters", __path__=[])
_stand_in("transformers_tests.exporters.test_export", ExportTesterMixin=type("ExportTesterMixin", (), {}))
_stand_in("transformers_tests.generation", __path__=[])
_stand_in("transformers_tests.generation.test_utils", GenerationTesterMixin=type("GenerationTesterMixin", (), {}))
_stand_in("transformers_tests.utils", __path__=[])
_stand_in("transformers_tests.utils.test_configuration_utils", config_common_kwargs={"dtype": "float16"})
_stand_in("fetch_hub_objects_for_ci", url_to_local_path=_drawn_photograph)
sys.path.insert(0, str(FETCHED))

with warnings.catch_warnings():
    warnings.simplefilter("ignore", pytest.PytestUnknownMarkWarning)  # marks that transformers' own conftest declares
    from transformers_tests.test_backbone_common import BackboneTesterMixin
    from transformers_tests.test_configuration_common import ConfigTester
    from transformers_tests.test_image_processing_common import ImageProcessingTester, ImageProcessingTestMixin
    from transformers_tests.test_modeling_common import ModelTesterMixin, floats_tensor

__all__ = [
    "BackboneTesterMixin",
    "ConfigTester",
    "ImageProcessingTestMixin",
    "ImageProcessingTester",
    "ModelTesterMixin",
    "floats_tensor",
]
