# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Applies the table of not_applicable.py to the common tests, and makes torchvision importable where it was fetched."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from transformers.utils import is_torchvision_available

from common.not_applicable import MAY_SKIP, NEEDS_TIMM, NEEDS_TORCHVISION, NOT_APPLICABLE
from common.torchvision_shim import make_torchvision_importable

make_torchvision_importable()
SKIPPED = NOT_APPLICABLE if is_torchvision_available() else NOT_APPLICABLE | NEEDS_TORCHVISION | NEEDS_TIMM


def find(table: dict[str, str], item: pytest.Item) -> str | None:
    """Return the reason that `table` gives for a test, if any."""
    name = f"{item.parent.name}.{item.name}"
    return next((reason for pattern, reason in table.items() if fnmatchcase(name, pattern)), None)


def pytest_collection_modifyitems(items):
    for item in items:
        if reason := find(SKIPPED, item):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped:
        if reason := find(SKIPPED | MAY_SKIP, item):
            # One place for all of them, so that the summary shows one line a reason.
            report.longrepr = (str(Path(__file__).with_name("not_applicable.py")), None, f"Skipped: {reason}")
        else:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} skipped itself, but not_applicable.py does not name it: {report.longrepr}"
    return report
