# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Names of the classes of public datasets, in the order of their category ids, and of anybody's from a text file."""

from pathlib import Path

COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
BDD100K_NAMES = ("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")

DATASETS = {"coco": COCO_NAMES, "bdd100k": BDD100K_NAMES}


def read_label_names(labels: str | Path) -> list[str]:
    """Names of classes.

    Args:
        labels: "coco", "bdd100k", or the path of a text file with one name a line.

    Raises:
        FileNotFoundError: it is neither.
        ValueError: the file has an empty line between names, or a name twice.

    Example:
        >>> read_label_names("bdd100k")[:3]
        ['pedestrian', 'rider', 'car']
    """
    if str(labels) in DATASETS:
        return list(DATASETS[str(labels)])
    path = Path(labels)
    if not path.is_file():
        raise FileNotFoundError(f"{labels}: is neither {' nor '.join(DATASETS)} nor a file with one class name a line")
    names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    for row, name in enumerate(names, start=1):
        if not name or name in names[: row - 1]:
            problem = "comes twice" if name else "is empty"
            raise ValueError(
                f"{path}: line {row} {problem} ({name!r}); give every class one line and a name of its own"
            )
    return names
