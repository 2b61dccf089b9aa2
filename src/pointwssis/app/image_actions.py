# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Actions of a user on images and files: open, go on, drop, save and load."""

import base64
import io
from pathlib import PurePosixPath

from PIL import Image

from ..ops.user_error import UserError, as_user_error
from ..ops.wording import counted
from .app_state import AppState
from .image_labeling import BackgroundClickError
from .label_exchange import WRITERS, exported, imported
from .label_store import ImageLabels
from .labeled_object import to_view
from .object_actions import Answer, progress, save, state_finished
from .users import User
from .work_images import Limits, WorkImage

MAX_SHOWN_SIDE = 2048  # pixels; a browser gets larger images scaled down, while clicks stay in their own pixels
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
    if user.image is not None:
        return {**answer, **_show(app, user, user.image)}
    if app.images:
        return {**answer, **_show(app, user, _next_image(app, user) or app.images[0])}
    return {**answer, **progress(app, user)}


def open_image(app: AppState, user: User, index: int) -> Answer:
    """Open an image by its number, from 0."""
    images = app.images_of(user)
    if not 0 <= index < len(images):
        raise UserError(f"There are {counted(len(images), 'image')}; number {index + 1} does not exist.")
    return _show(app, user, images[index])


def go_on(app: AppState, user: User) -> Answer:
    """Finish the open image if it has objects, and open the next unfinished one."""
    if user.labeling is not None and user.labeling.objects:
        state_finished(app, user, True)
    following = _next_image(app, user)
    if following is None:
        return {**progress(app, user), "message": "All other images are finished or open elsewhere."}
    return _show(app, user, following)


def drop(app: AppState, user: User, name: str, content: str) -> Answer:
    """Take an image of the user, which stays in memory.

    Args:
        app: the app.
        user: the user.
        name: name of the file.
        content: content of the file, in base64.
    """
    data = decoded(content, name, app.limits)
    if len(user.dropped) >= app.limits.max_dropped:
        raise UserError(
            f"You have dropped {counted(len(user.dropped), 'image')}, as many as this app keeps; download the labels, "
            "and go on in a new tab."
        )
    image = WorkImage(_free_name(app, user, name), data)
    return _show(app, user, image, is_new=True)


def download(app: AppState, user: User, format: str) -> Answer:
    """Return the labels of all images as a file."""
    file = exported(app.all_labels(user), app.class_names, format)
    return {"file": {"name": file.name, "text": file.text}}


def load(app: AppState, user: User, name: str, content: str) -> Answer:
    """Take the labels of an annotation file in place of those of the images that it names."""
    data = decoded(content, name, app.limits)
    by_name = {image.name: image for image in app.images_of(user)}
    if not by_name:
        raise UserError(f"{name}: open the images first that these labels belong to.")
    found = imported(name, data, list(by_name.values()), app.class_names, app.output_dir)
    for image_name, labels in found.items():
        app.store_of(user, by_name[image_name]).save(image_name, labels)
    message = f"Loaded the labels of {counted(len(found), 'image')}."
    if user.image is not None and user.image.name in found:
        answer = _show(app, user, user.image)
        return {**answer, "message": " ".join(filter(None, [message, answer.get("message")]))}
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
    if is_new:
        user.dropped.append(image)
    store, message = app.store_of(user, image), None
    labels = store[image.name] if image.name in store else ImageLabels(pixels.size)
    user.image, user.labeling = image, app.labeling_of(image, pixels, labels)
    if labels.clicks:
        message = _segment_clicks(app, user, labels)
    if app.users.others_with(image, user):
        message = "Another person has this image open, too; of two changes the last one is kept."
    objects = [to_view(item) for item in user.labeling.objects.values()]
    shown = {"name": image.name, "width": pixels.width, "height": pixels.height, "pixels": _as_url(pixels)}
    answer = {"image": shown, "objects": objects, **progress(app, user)}
    return answer if message is None else {**answer, "message": message}


def _segment_clicks(app: AppState, user: User, labels: ImageLabels) -> str:
    """Give the clicks of a file their masks, and return a message about them."""
    rejected = 0
    for x, y, label in labels.clicks:
        try:
            user.labeling.click((x, y), label, user.background_limit)
        except BackgroundClickError:
            rejected += 1
    save(app, user)
    made = len(labels.clicks) - rejected
    message = f"{counted(made, 'click')} of the file became masks."
    return message + (f" {rejected} on background were rejected." if rejected else "")


def _next_image(app: AppState, user: User) -> WorkImage | None:
    """Return the next unfinished image, after the open one, that nobody else has open."""
    images = app.images_of(user)
    start = images.index(user.image) + 1 if user.image in images else 0
    for image in [*images[start:], *images[:start]]:
        is_finished = app.store_of(user, image).is_finished(image.name)
        if image != user.image and not is_finished and not app.users.others_with(image, user):
            return image
    return None


def _free_name(app: AppState, user: User, name: str) -> str:
    """Return the last part of a file name, numbered if the user has such an image already."""
    path = PurePosixPath(PurePosixPath(name.replace("\\", "/")).name or "image.png")
    used, number, free = {image.name for image in app.images_of(user)}, 1, path.name
    while free in used:
        number += 1
        free = f"{path.stem}_{number}{path.suffix}"
    return free


def _as_url(pixels: Image.Image) -> str:
    """Return an image as a data URL, at most `MAX_SHOWN_SIDE` pixels long."""
    shown = pixels.copy()
    shown.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
    kind = "png" if shown.width * shown.height < LOSSLESS_PIXELS else "jpeg"
    buffer = io.BytesIO()
    shown.save(buffer, kind, **({"compress_level": 1} if kind == "png" else {"quality": 92}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
