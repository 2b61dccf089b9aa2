# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The part of the app that all users share: model, images, saved labels, and places."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ..ops.folders import make_folder
from ..ops.user_error import UserError
from ..pipelines import PointInstanceSegmentationPipeline
from .image_labeling import Labeling, Segment
from .label_store import ImageLabels, LabelStore
from .users import User, Users
from .work_images import Limits, WorkImage


class AppState:
    """Everything behind the page, for one model and one list of images.

    Args:
        pipe: pipeline of the model, with its refiner if there is one.
        images: images that all users share.
        output_dir: folder for the labels of shared images, and the only one that is written to.
        limits: limits of what users may do.
        users: places for users; None makes as many as the limits allow.
        labels: saved labels of the folder; None opens them, see `open_labels`.
        start_labels: labels, by image name, of shared images that have none in the folder.
    """

    def __init__(
        self,
        pipe: PointInstanceSegmentationPipeline,
        images: Sequence[WorkImage],
        output_dir: Path,
        limits: Limits | None = None,
        users: Users | None = None,
        labels: LabelStore | None = None,
        start_labels: Mapping[str, ImageLabels] | None = None,
    ):
        # Messages must not show the folders of the server; `ImageIndex` names absolute paths, which are replaced.
        self.pipe, self.images, self.output_dir = pipe, list(images), output_dir.absolute()
        self.limits = limits or Limits()
        self.users = users or Users(self.limits.max_users)
        classes = pipe.model.config.id2label
        self.class_names: list[str] = [classes[index] for index in range(len(classes))]
        self.labels = open_labels(output_dir, images, self.class_names) if labels is None else labels
        for name, start in (start_labels or {}).items():
            if name not in self.labels:
                self.labels.save(name, start)
        # One pass through the networks at a time; a second one beside it would slow both down.
        self._network = threading.Lock()

    def images_of(self, user: User) -> list[WorkImage]:
        """Return the images that a user sees: shared ones, then those that the user has dropped."""
        return [*self.images, *user.dropped]

    def store_of(self, user: User, image: WorkImage) -> LabelStore:
        """Return the place where the labels of an image are kept."""
        return self.labels if image.is_shared else user.dropped_labels

    def all_labels(self, user: User | None = None) -> Iterator[tuple[WorkImage, ImageLabels]]:
        """Yield the images that have labels: shared ones, then those that a user has dropped."""
        yield from ((image, self.labels[image.name]) for image in self.images if image.name in self.labels)
        if user is not None:
            own = user.dropped_labels
            yield from ((image, own[image.name]) for image in user.dropped if image.name in own)

    def labeling_of(self, image: WorkImage, pixels: Image.Image, labels: ImageLabels) -> Labeling:
        """Return the labels of an image, ready to be changed; the network runs at the first click."""

        def encode() -> Segment:
            return self.encoded(pixels, image.name)

        return Labeling(encode, pixels.size, self.class_names, labels.objects, self.limits.max_objects)

    def encoded(self, pixels: Image.Image, name: str) -> Segment:
        """Run the network on an image, and return the function that gives its masks as often as it is called."""
        with self._network:
            session = self.pipe.encode(pixels)
        session.name = name  # for messages

        def segment(**parameters: Any) -> list[dict[str, Any]]:
            with self._network:
                return session(**parameters)

        return segment


def open_labels(output_dir: Path, images: Sequence[WorkImage], class_names: Iterable[str]) -> LabelStore:
    """Return the saved labels of shared images, in a folder that is made if it does not exist.

    Args:
        output_dir: folder of the app.
        images: images that all users share.
        class_names: classes of the model.

    Raises:
        UserError: a saved label does not fit the model or the images, or its file is damaged.
    """
    make_folder(output_dir)
    names, folders = [image.name for image in images], [image.folder for image in images]
    return LabelStore(output_dir / "labels", names, class_names, folders)


def open_labeling(user: User) -> tuple[WorkImage, Labeling]:
    """Return the image that a user has open, and its labels.

    Raises:
        UserError: no image is open.
    """
    if user.image is None or user.labeling is None:
        raise UserError("Open an image first.")
    return user.image, user.labeling
