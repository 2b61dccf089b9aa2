# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The nuclei of the package with fewer images."""

import json
import shutil
from pathlib import Path

from pointwssis.data import DEMO_NUCLEI


def small_demo_nuclei(folder: Path, images: int = 10) -> Path:
    """Copy the nuclei of the package, with the annotations of the first images of each split."""
    shutil.copytree(DEMO_NUCLEI, folder)
    for split in ("train", "val"):
        path = folder / "annotations" / f"instances_{split}.json"
        content = json.loads(path.read_text("utf-8"))
        content["images"] = content["images"][:images]
        kept = {image["id"] for image in content["images"]}
        content["annotations"] = [record for record in content["annotations"] if record["image_id"] in kept]
        path.write_text(json.dumps(content), "utf-8")
    return folder
