# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Class names: of public datasets and text files, united and compared across files, and searched for directions."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..ops.documents import read_text
from ..ops.user_error import UserError, UserFileNotFoundError
from ..ops.wording import brief

# The 80 classes of COCO by ascending category id.
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
# The classes of BDD100K's instance segmentation, in the order of its ids 1 to 8.
BDD100K_NAMES = ("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")

DATASETS = {"coco": COCO_NAMES, "bdd100k": BDD100K_NAMES}

# Words that a mirror image makes wrong, and words that an image turned upside down makes wrong.
SIDES = {
    "left", "right", "lefthand", "righthand", "lefthanded", "righthanded", "leftward", "rightward", "leftwards",
    "rightwards", "leftmost", "rightmost", "clockwise", "counterclockwise", "anticlockwise",
}  # fmt: skip
HEIGHTS = {
    "up", "down", "upper", "lower", "top", "bottom", "upward", "downward", "upwards", "downwards", "topmost",
    "bottommost", "uppermost", "lowermost",
}  # fmt: skip
# Words that mean a direction only if another class has the opposite word in the same place.
SIDE_PAIRS = (
    ("l", "r"), ("lh", "rh"), ("east", "west"), ("eastbound", "westbound"), ("port", "starboard"), ("links", "rechts"),
    ("linke", "rechte"), ("linker", "rechter"), ("linkes", "rechtes"), ("gauche", "droite"), ("izquierda", "derecha"),
    ("izquierdo", "derecho"), ("sinistra", "destra"),
)  # fmt: skip
HEIGHT_PAIRS = (
    ("north", "south"), ("northbound", "southbound"), ("superior", "inferior"), ("above", "below"), ("oben", "unten"),
)  # fmt: skip
# Followed by one of these words, "left" and "right" are no sides.
_NO_SIDES = {
    "left": {"over", "overs"},
    "right": {"angle", "angled", "triangle", "triangles", "way", "whale", "whales"},
}
_MAX_MAPPING = 200  # characters of a `label_map` in a message
# Words of spaced, hyphenated, snake_case and CamelCase names; "mIoU" and digits need no special care here.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def read_class_names(labels: str | Path) -> list[str]:
    """Read class names.

    Args:
        labels: "coco", "bdd100k", or the path of a text file with one name per line.

    Raises:
        UserFileNotFoundError: it is none of these.
        UserError: the file has an empty line between names, or a duplicate name.

    Example:
        >>> read_class_names("bdd100k")[:3]
        ['pedestrian', 'rider', 'car']
    """
    if str(labels) in DATASETS:
        return list(DATASETS[str(labels)])
    path = Path(labels)
    if not path.is_file():
        raise UserFileNotFoundError(
            f"{labels}: is neither {' nor '.join(DATASETS)} nor a file with one class name per line"
        )
    # Editors may write a byte order mark and empty lines at the end; both are tolerated.
    class_names = [line.strip() for line in read_text(path).rstrip().split("\n")]
    # Any other empty line would leave a class without a name, and a duplicate would make its index ambiguous.
    for row, name in enumerate(class_names, start=1):
        if not name or name in class_names[: row - 1]:
            problem = "is a duplicate" if name else "is empty"
            raise UserError(f"{path}: line {row} {problem} ({name!r}); give every class one line and a unique name")
    return class_names


def unite_names(lists: Iterable[Sequence[str]], source: str | None = None) -> list[str]:
    """Return the union of class names: those of the first list, then those that each further list adds, in order.

    Args:
        lists: names, possibly repeated.
        source: name of the file, for the message.

    Raises:
        UserError: two names differ only in case, spaces, hyphens, underscores or invisible characters, so that one
            class would become two; or a name is blank, or holds a control character.

    Example:
        >>> unite_names([["cat", "dog"], ["dog", "bird"]])
        ['cat', 'dog', 'bird']
    """
    # A dict drops repeated names and keeps the order in which they first occur.
    class_names = list(dict.fromkeys(name for names in lists for name in names))
    # Remember the first name of each simplified spelling; another name with this spelling is probably the same class.
    seen: dict[str, str] = {}
    for name in class_names:
        where = "" if source is None else f"{source}: "
        problem = _problem_of(name)
        if problem:
            raise UserError(f"{where}class {brief(name)} {problem}; write its name again")
        other = seen.setdefault(_plain(name), name)
        if other != name:
            # Names that look equal on the screen are told apart by escapes.
            shown, other_shown = brief(name), brief(other)
            if unicodedata.normalize("NFC", shown) == unicodedata.normalize("NFC", other_shown):
                shown, other_shown = ascii(name), ascii(other)
            # The tidy one of two names stays, or else the first.
            pair = (other, name) if _is_tidy(name) and not _is_tidy(other) else (name, other)
            raise UserError(
                f"{where}class {shown} looks like {other_shown}; if they are one class, use {_label_map(*pair)}, "
                "otherwise rename one of them"
            )
    return class_names


def check_known(found: Iterable[str], class_names: Sequence[str], source: str, remedy: str = "") -> None:
    """Raise one error for all names of a file that are not among the classes, with suggestions.

    Args:
        found: names in the file, after `label_map` was applied.
        class_names: names of the classes.
        source: name of the file, for the message.
        remedy: advice where names cannot be mapped; by default a `label_map` to copy.

    Raises:
        UserError: some names are not among the classes.
    """
    # Collect all unknown names first, so that one error covers the whole file.
    unknown = list(dict.fromkeys(name for name in found if name not in class_names))
    if not unknown:
        return
    # Compare simplified spellings, so that case and separators do not hide a similar class.
    by_plain = {_plain(name): name for name in class_names}
    close = {name: difflib.get_close_matches(_plain(name), by_plain, n=1) for name in unknown}
    hints = [f"{brief(name)} → {brief(by_plain[match[0]])}" for name, match in close.items() if match]
    hint = f" (did you mean {', '.join(hints[:5])}?)" if hints else ""
    # Build a label_map to copy, for a name with a suggestion if there is one.
    first = next((name for name, match in close.items() if match), unknown[0])
    target = by_plain[close[first][0]] if close[first] else class_names[0]
    remedy = remedy or f"map them, as with {_label_map(first, target)}, or rename or remove them"
    raise UserError(f"{source}: {_some(unknown)} are not among the classes {_some(class_names)}{hint}; {remedy}")


def names_with_sides(class_names: Sequence[str]) -> list[str]:
    """Return the class names that distinguish left from right, so that a mirrored image has wrong labels.

    Args:
        class_names: names of all classes. Single letters (`eye_L`), compass points and words of other languages count
            only where another class is named for the opposite side.

    Example:
        >>> names_with_sides(["left hand", "turnRight", "eye_l", "eye_r", "bright star", "right whale", "L bracket"])
        ['left hand', 'turnRight', 'eye_l', 'eye_r']
    """
    return _directed(class_names, SIDES, SIDE_PAIRS)


def names_with_heights(class_names: Sequence[str]) -> list[str]:
    """Return the class names that distinguish up from down, so that an image turned upside down has wrong labels.

    Args:
        class_names: names of all classes.

    Example:
        >>> names_with_heights(["arrow-up", "LowerJaw", "upright piano", "downtown", "north face"])
        ['arrow-up', 'LowerJaw']
    """
    return _directed(class_names, HEIGHTS, HEIGHT_PAIRS)


def _directed(class_names: Sequence[str], words: set[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names with one of the words, or with a word of a pair whose other word completes another name."""
    opposites = dict(pairs) | {second: first for first, second in pairs}
    parts_of = {name: [word.lower() for word in _WORD.findall(name)] for name in class_names}
    known = list(parts_of.values())
    return [name for name in class_names if _is_directed(parts_of[name], known, words, opposites)]


def _is_directed(
    parts: Sequence[str], known: Sequence[Sequence[str]], words: set[str], opposites: Mapping[str, str]
) -> bool:
    """Return True for the words of a name that has a direction, or that differs from another name by its opposite.

    Args:
        parts: words of the name, in lower case.
        known: words of all names.
        words: words that are directions.
        opposites: word → word of the opposite direction, for words that are directions only in such pairs of names.
    """
    for place, word in enumerate(parts):
        following = parts[place + 1] if place + 1 < len(parts) else ""
        if word in words and following not in _NO_SIDES.get(word, ()):
            return True
        mirrored = [*parts[:place], opposites.get(word), *parts[place + 1 :]]
        if mirrored in known:
            return True
    return False


def _problem_of(name: str) -> str:
    """Return the problem of a text as the name of a class; empty for a good name."""
    if not name.strip():
        return "is blank"
    if name.isprintable():
        return ""
    kinds = {unicodedata.category(character) for character in name}
    if "Cs" in kinds:  # a lone surrogate, which no file can store
        return "holds half a character"
    return "holds a control character, such as a line break" if "Cc" in kinds else ""


def _is_tidy(name: str) -> bool:
    """Return True for a name as people type it: composed accents, nothing invisible, no spaces around it."""
    return name == unicodedata.normalize("NFC", name).strip() and name.isprintable()


def _label_map(name: str, target: str) -> str:
    """Return a `label_map` as on the command line; of names that are too long to copy, the option alone."""
    is_plain = unicodedata.is_normalized("NFC", name) and name.isprintable()
    mapping = json.dumps({name: target}, ensure_ascii=not is_plain)
    return f"--label_map '{mapping}'" if len(mapping) <= _MAX_MAPPING else "--label_map"


def _plain(name: str) -> str:
    """Return a spelling without case, separators and invisible characters, and with composed accents."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return "".join(each for each in folded if each not in "-_" and unicodedata.category(each)[0] not in "ZC")


def _some(class_names: Sequence[str]) -> str:
    listed = ", ".join(brief(name) for name in class_names[:8])
    return f"[{listed}{', …' if len(class_names) > 8 else ''}]"
