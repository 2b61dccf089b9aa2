# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Actions of a user on images and files: open, go on, drop, save and load."""

import base64
import io
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from PIL import Image

from ..ops.user_error import UserError, as_user_error
from ..ops.wording import counted
from .app_state import AppState
from .image_labeling import Labeling
from .label_exchange import WRITERS, exported, imported
from .label_store import ImageLabels
from .labeled_object import to_view
from .object_actions import Answer, progress, saved, state_finished
from .users import User
from .work_images import Limits, WorkImage, free_name

MAX_SHOWN_SIDE = 2048  # pixels; a browser gets larger images scaled down, while clicks stay in their own pixels
MAX_NAME_BYTES = 200  # file systems take 255
LOSSLESS_PIXELS = 2**19  # smaller images are sent as PNG


def hello(app: AppState, user: User) -> Answer:
    """Describe the app, and open the image where the user was or should start."""
    answer: Answer = {
        "class_names": app.class_names,
        "formats": list(WRITERS),
        "has_refiner": app.pipe.refiner is not None,
        "max_megabytes": app.limits.max_megabytes,
        "background_limit": user.background_limit,
    }
    # Without an unfinished image there are the others.
    current = [] if user.image is None else [user.image]
    shown = _show_first(app, user, [*current, *_next_images(app, user), *app.images])
    if "image" not in shown:
        user.image = user.labeling = user.seen = None
        shown = {**progress(app, user), **({"error": shown["message"]} if shown else {})}
    return {**answer, **shown}


def open_image(app: AppState, user: User, index: int) -> Answer:
    """Open an image by its number, from 0."""
    images = app.images_of(user)
    if not 0 <= index < len(images):
        raise UserError(f"There are {counted(len(images), 'image')}; number {index + 1} does not exist.")
    return _show(app, user, images[index])


def go_on(app: AppState, user: User) -> Answer:
    """Finish the open image if it has objects, and open the next unfinished one."""
    left, remark = user.image, None
    if user.labeling is not None and user.labeling.objects:
        state_finished(app, user, True)
        if doubtful := sum(item.doubt is not None for item in user.labeling.objects.values()):
            remark = f"{left.name} is finished, with {counted(doubtful, 'label')} in doubt left as it was."
    elif left is not None and not app.store_of(user, left).is_finished(left.name):
        remark = f'{left.name} has no labels and stays unfinished; if it shows no object, go back and tick "finished".'
    shown = _show_first(app, user, _next_images(app, user))
    if "image" not in shown:
        shown = {**progress(app, user), "message": "All other images are finished or open elsewhere.", **shown}
    return _with_remark(shown, remark)


def drop(app: AppState, user: User, name: str, content: str) -> Answer:
    """Take an image of the user, which stays in memory.

    Args:
        app: the app.
        user: the user.
        name: name of the file.
        content: content of the file, in base64.
    """
    name = _last_part(name)
    data = decoded(content, name, app.limits)
    number, megabytes = len(user.dropped), (len(data) + sum(len(image.source) for image in user.dropped)) / 1e6
    if number >= app.limits.max_dropped or megabytes > app.limits.max_dropped_megabytes:
        raise UserError(
            f"You have dropped {counted(number, 'image')}, as many as this app keeps (up to {app.limits.max_dropped:,} "
            f"and {app.limits.max_dropped_megabytes:g} MB); download the labels, and go on in a new tab."
        )
    image = WorkImage(free_name(name, {image.name for image in app.images_of(user)}), data)
    return _show(app, user, image, is_new=True)


def download(app: AppState, user: User, format: str) -> Answer:
    """Return the labels of all images as a file."""
    labels = list(app.all_labels(user))
    file = exported(labels, app.class_names, format)
    objects = sum(len(own.objects) + len(own.clicks) for _, own in labels)
    message = f"Downloaded {file.name}: {counted(objects, 'object')} in {counted(len(labels), 'image')}."
    if unfinished := sum(not own.is_finished for _, own in labels):
        message += (
            f" Not finished: {counted(unfinished, 'image')}; what has no label there does not count as background."
        )
    return {"file": {"name": file.name, "text": file.text}, "message": message}


def load(app: AppState, user: User, name: str, content: str, replaces: bool = False) -> Answer:
    """Take the labels of an annotation file in place of those of the images that it names.

    Args:
        app: the app.
        user: the user.
        name: name of the file.
        content: content of the file, in base64.
        replaces: True if labels that images have may be lost; otherwise they lead to a `question`, and nothing changes.
    """
    name = _last_part(name)
    data = decoded(content, name, app.limits)
    by_name = {image.name: image for image in app.images_of(user)}
    if not by_name:
        raise UserError(f"{name}: open the images first that these labels belong to.")
    loaded = imported(name, data, list(by_name.values()), app.class_names, app.output_dir)
    found = loaded.by_name
    for image_name, labels in found.items():
        app.limits.check_objects(image_name, len(labels.objects) + len(labels.clicks))
    present = {image.name: own for image, own in app.all_labels(user) if own.objects or own.clicks}
    if not replaces and (lost := [image_name for image_name in found if image_name in present]):
        return {
            "question": f"{name} replaces the labels that {counted(len(lost), 'image')} "
            f"({lost[0]}{', …' if len(lost) > 1 else ''}) already have; this cannot be undone. Load it?"
        }
    for image_name, labels in found.items():
        app.store_of(user, by_name[image_name]).save(image_name, labels)
    message = f"Loaded the labels of {counted(len(found), 'image')}." + (f" {loaded.warning}" if loaded.warning else "")
    if found and (user.image is None or user.image.name not in found):
        first = next(number for number, image_name in enumerate(by_name, start=1) if image_name in found)
        message += f" This image is not in the file; image {first} is the first one that is."
    if user.image is not None and user.image.name in found:
        return _with_remark(_show(app, user, user.image), message)
    return {**progress(app, user), "message": message}


def decoded(content: str, name: str, limits: Limits) -> bytes:
    """Return the content of a file that a browser has sent in base64.

    Raises:
        UserError: it is too large or no base64 text.
    """
    body = content.partition(",")[2] if content.startswith("data:") else content
    limits.check_bytes(name, len(body) * 3 // 4)
    with as_user_error(ValueError, source=f"{name}: is not base64 text"):
        return base64.b64decode(body, validate=True)


def _show(app: AppState, user: User, image: WorkImage, is_new: bool = False) -> Answer:
    """Open an image, and return everything that the page shows of it.

    Args:
        app: the app.
        user: the user.
        image: image to open.
        is_new: True for an image that joins those of the user, if it can be read.
    """
    pixels = image.read(app.limits)
    store, message = app.store_of(user, image), None
    labels = store[image.name] if image.name in store else ImageLabels(pixels.size)
    if labels.size != pixels.size:
        (width, height), (old_width, old_height) = pixels.size, labels.size
        raise UserError(
            f"{image.name} has {width} × {height} pixels, but its labels are those of an image of {old_width} × "
            f"{old_height}; put that image back, or delete the labels."
        )
    labeling = app.labeling_of(image, pixels, labels)
    if labels.clicks:
        message = _segment_clicks(labeling, labels, user.background_limit)
        labels = saved(store, image.name, labeling, labels)
    # Nothing can fail any more, so the former image is left.
    if is_new:
        user.dropped.append(image)
    user.image, user.labeling, user.seen = image, labeling, labels
    if app.users.others_with(image, user):
        message = "Another tab or person has this image open, too; changes there are shown before yours are made."
    objects = [to_view(item) for item in labeling.objects.values()]
    shown = {"name": image.name, "width": pixels.width, "height": pixels.height, "pixels": _as_url(pixels)}
    answer = {"image": shown, "objects": objects, **progress(app, user)}
    return answer if message is None else {**answer, "message": message}


def _segment_clicks(labeling: Labeling, labels: ImageLabels, background_limit: float) -> str:
    """Give the clicks of a file their masks, and return a message about them."""
    points = [(x, y) for x, y, _ in labels.clicks]
    made = len(labeling.click_all(points, [label for *_, label in labels.clicks], background_limit))
    message = f"{counted(made, 'click')} of the file became masks."
    rejected = len(points) - made
    return message + (f" {rejected} on background were rejected." if rejected else "")


def _next_images(app: AppState, user: User) -> Iterator[WorkImage]:
    """Yield the unfinished images that nobody else has open, from the one after the open image on."""
    images, current = app.images_of(user), user.image
    start = images.index(current) + 1 if current in images else 0
    for image in [*images[start:], *images[:start]]:
        is_finished = app.store_of(user, image).is_finished(image.name)
        if image != current and not is_finished and not app.users.others_with(image, user):
            yield image


def _show_first(app: AppState, user: User, images: Iterable[WorkImage]) -> Answer:
    """Open the first image that can be opened, and return everything that the page shows of it.

    Returns:
        The answer, with a `message` about images before it that could not be opened; without an `image` if none could.
    """
    problems: dict[str, str] = {}
    answer: Answer = {}
    for image in images:
        if image.name in problems:
            continue
        try:
            answer = _show(app, user, image)
            break
        except UserError as error:
            problems[image.name] = str(error)
    if not problems:
        return answer
    first, *others = problems.values()
    message = first + (f" ({counted(len(others), 'more image')} cannot be opened)" if others else "")
    return _with_remark(answer, message)


def _with_remark(answer: Answer, remark: str | None) -> Answer:
    """Return an answer whose message begins with a remark; None adds nothing."""
    if remark is None:
        return answer
    message = answer.get("message")
    return {**answer, "message": remark if message is None else f"{remark} {message}"}


def _last_part(name: str) -> str:
    """Return the last part of the name of a file that a browser has sent.

    Raises:
        UserError: no file could be written under this name.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    has_controls = any(unicodedata.category(character) in ("Cc", "Cs") for character in last)
    # Some bytes are left for a number and a suffix.
    if has_controls or last in ("", "..") or len(last.encode()) > MAX_NAME_BYTES:
        raise UserError(f"The file name {last!r:.60} cannot be used; rename the file.")
    return last


def _as_url(pixels: Image.Image) -> str:
    """Return an image as a data URL, at most `MAX_SHOWN_SIDE` pixels long."""
    shown = pixels.copy()
    shown.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
    kind = "png" if shown.width * shown.height < LOSSLESS_PIXELS else "jpeg"
    buffer = io.BytesIO()
    shown.save(buffer, kind, **({"compress_level": 1} if kind == "png" else {"quality": 92}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
