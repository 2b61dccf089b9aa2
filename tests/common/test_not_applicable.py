# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The table of the common tests that do not run names no test that does not exist."""

from fnmatch import fnmatchcase

import pytest

from common.harness import ImageProcessingTestMixin, ModelTesterMixin
from common.not_applicable import MAY_SKIP, NEEDS_TORCHVISION, NOT_APPLICABLE

NAMES = [
    f"{prefix}{suffix}.{name}"
    for suffix, mixin in (("ModelTest", ModelTesterMixin), ("ImageProcessingTest", ImageProcessingTestMixin))
    for prefix in ("SOLOv2", "MaskRefineNet")
    for name in dir(mixin)
    if name.startswith("test_")
]


@pytest.mark.parametrize("pattern", [*NOT_APPLICABLE, *NEEDS_TORCHVISION, *MAY_SKIP])
def test_pattern_matches_a_common_test(pattern):
    assert any(fnmatchcase(name, pattern) for name in NAMES)
