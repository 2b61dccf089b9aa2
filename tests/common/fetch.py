# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Fetches what the common tests need into `.cache/common-tests`, once: `python tests/common/fetch.py`.

transformers' own tests are only in its source distribution, not in what pip installs, and torchvision and timm are no
dependencies, so all are unpacked into folders of their own. Where they cannot be fetched, what needs them skips.
"""

import importlib.metadata
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "common-tests"


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def fetch_transformers_tests() -> None:
    """Unpack the top-level tests of the installed transformers as the package `transformers_tests`."""
    version = importlib.metadata.version("transformers")
    target = CACHE / version / "transformers_tests"
    if (target / "__init__.py").exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--no-binary", ":all:", "--dest", folder, f"transformers=={version}")
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                if len(parts) == 3 and parts[1] == "tests" and member.isfile():
                    (target / parts[2]).write_bytes(tar.extractfile(member).read())
    (target / "__init__.py").touch()  # last, as the sign that everything is there


def fetch_torchvision_and_timm() -> None:
    """Unpack both in the versions that constraints.txt names, without changing the environment."""
    target = CACHE / "torchvision"
    for package in ("torchvision", "timm"):
        if not (target / package).exists():
            pip("install", "--no-deps", "--target", str(target), "-c", str(ROOT / "constraints.txt"), package)


if __name__ == "__main__":
    for fetch in (fetch_transformers_tests, fetch_torchvision_and_timm):
        try:
            fetch()
        except subprocess.CalledProcessError as error:
            print(f"the common tests that need it will skip: {error}", file=sys.stderr)
