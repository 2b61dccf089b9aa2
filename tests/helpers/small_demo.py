# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The nuclei of the package with fewer images."""

import json
import shutil
from pathlib import Path

from pointwssis.data import DEMO_NUCLEI

SHOWN = "val_lilac_stain_05.webp"  # the image that the pages click on


def small_demo_nuclei(folder: Path, images: int = 10) -> Path:
    """Copy the first images of each split of the nuclei with their annotations, and the image `SHOWN`."""
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").mkdir()
    shutil.copy(DEMO_NUCLEI / "images" / SHOWN, folder / "images")
    for split in ("train", "val"):
        path = Path("annotations", f"instances_{split}.json")
        content = json.loads((DEMO_NUCLEI / path).read_text("utf-8"))
        content["images"] = content["images"][:images]
        kept = {image["id"] for image in content["images"]}
        content["annotations"] = [record for record in content["annotations"] if record["image_id"] in kept]
        (folder / path).write_text(json.dumps(content), "utf-8")
        for image in content["images"]:
            shutil.copy(DEMO_NUCLEI / "images" / image["file_name"], folder / "images")
    return folder
