# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labels of one image while a person works on them: clicks, corrections, and the way back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..ops.coco_masks import rle_area, rle_coverages
from ..ops.points import point_in_rle
from ..ops.rle import decode_rle, encode_mask
from ..ops.user_error import UserError
from ..ops.wording import counted
from .erasing import Point, without_part
from .labeled_object import LabeledObject, confirmed, from_instance

Segment = Callable[..., list[dict[str, Any]]]
"""An encoded image: (points, labels, **parameters) → instances with masks as RLEs, as `EncodedImage` gives them."""

UNDO_STEPS = 200
SAME_OBJECT_COVERAGE = 0.5  # a found mask that lies so far inside a labeled one, or covers one so far, is that object


class BackgroundClickError(UserError):
    """A click at which the model sees no object."""


class Labeling:
    """Objects of one image; every method that changes them can be undone.

    Args:
        encode: function that runs the network on the image; called once, when the first mask is needed.
        size: (width, height) of the image in pixels.
        class_names: classes of the model.
        objects: objects that the image has already.
        max_objects: most objects per image.
    """

    def __init__(
        self,
        encode: Callable[[], Segment],
        size: tuple[int, int],
        class_names: Sequence[str],
        objects: Iterable[LabeledObject] = (),
        max_objects: int = 1000,
    ):
        self._encode, self.size, self.class_names, self.max_objects = encode, size, list(class_names), max_objects
        self.objects = {item.id: item for item in objects}
        self._last_id = max(self.objects, default=0)
        self._history: list[dict[int, LabeledObject]] = []

    @cached_property
    def segment(self) -> Segment:
        """Return the encoded image; the network runs on the first use."""
        return self._encode()

    def encode(self) -> None:
        """Run the network, if it has not run yet."""
        _ = self.segment

    def click(self, point: Point, label: str | None = None, background_limit: float = 1.0) -> LabeledObject:
        """Add the object at a point.

        Args:
            point: (x, y) in pixels of the image.
            label: its class; None takes the one that the model sees.
            background_limit: background score above which a click is rejected, 0 to 1.

        Raises:
            BackgroundClickError: the click was rejected.
            UserError: the point lies outside the image, or there are too many objects.
        """
        self._check_room(1)
        item = self._at_point(self._next_id(), point, label)
        if item.background_score > background_limit:
            raise BackgroundClickError(
                f"The model sees no object here (background score {item.background_score:.2f}); raise the limit to "
                "label it all the same."
            )
        return self._put(item)

    def click_all(
        self, points: Sequence[Point], labels: Sequence[str | None], background_limit: float = 1.0
    ) -> list[LabeledObject]:
        """Add the objects at several points at once, without those on background; each can be undone on its own.

        Args:
            points: (x, y) in pixels of the image.
            labels: their classes, as in `click`.
            background_limit: background score above which a click is rejected, 0 to 1.

        Raises:
            UserError: a point lies outside the image, or there are too many objects.
        """
        self._check_room(len(points))
        items = self._at_points(points, labels)
        accepted = [item for item in items if item.background_score <= background_limit]
        return [self._put(replace(item, id=self._next_id())) for item in accepted]

    def move(self, id: int, point: Point) -> LabeledObject:
        """Move the click of an object, which gives it a new mask; its negative clicks stay."""
        item = self.object(id)
        return self._put(self._again(item, point, item.label if item.is_label_given else None))

    def classify(self, id: int, label: str | None) -> LabeledObject:
        """Change the class of an object (None: the model chooses it); a clicked object gets the mask of that class."""
        item = self.object(id)
        if item.point is not None and not item.is_loaded:
            return self._put(self._again(item, item.point, label))
        # The mask of a file, or of an object that was found without a click, stays as it is.
        if label is None:
            raise UserError("The model names only objects that were clicked here; choose a class.")
        return self._put(replace(item, label=self._known(label), is_label_given=True))

    def confirm(self, id: int) -> LabeledObject:
        """State that mask and class of an object are right: it then counts as labeled by hand."""
        return self._put(confirmed(self.object(id)))

    def remove(self, id: int) -> None:
        """Remove an object."""
        self.object(id)
        self._change({key: item for key, item in self.objects.items() if key != id})

    def erase(self, point: Point, id: int | None = None) -> LabeledObject:
        """Remove the part at a point from the mask of an object; without one from the smallest mask that holds it."""
        return self._put(self._erased(self._object_at(point, id), point))

    def find_all(self, threshold: float) -> list[LabeledObject]:
        """Add all objects that the model finds without clicks and that have no label yet.

        Args:
            threshold: lowest score of an object, 0 to 1.
        """
        found = self.segment(threshold=threshold, mask_format="rle")
        new = [found[index] for index in self._without_label(found)]
        self._check_room(len(new))
        items = [from_instance(self._next_id(), one, is_label_given=False) for one in new]
        if items:
            self._change({**self.objects, **{item.id: item for item in items}})
        return items

    @property
    def can_undo(self) -> bool:
        """Return True if there is a change to take back."""
        return bool(self._history)

    def undo(self) -> None:
        """Take the last change back."""
        *self._history, self.objects = self._history

    @contextmanager
    def whole_or_not_at_all(self) -> Iterator[None]:
        """Take all changes inside the block back, also in what can be undone, if the block raises."""
        before = self.objects, self._history
        try:
            yield
        except Exception:
            self.objects, self._history = before
            raise

    def object(self, id: int) -> LabeledObject:
        """Return an object by its number.

        Raises:
            UserError: there is none, as after it was removed in another tab.
        """
        if id not in self.objects:
            raise UserError(f"Object {id} is no longer there.")
        return self.objects[id]

    # -- masks

    def _at_point(self, id: int, point: Point, label: str | None) -> LabeledObject:
        """Return the object that the model sees at a point."""
        return replace(self._at_points([point], [label])[0], id=id)

    def _at_points(self, points: Sequence[Point], labels: Sequence[str | None]) -> list[LabeledObject]:
        """Return the objects that the model sees at points, with the number 0."""
        for point in points:
            self._check_inside(point)
        known = [None if label is None else self._known(label) for label in labels]
        instances = self.segment(points=list(points), labels=known if any(known) else None, mask_format="rle")
        paired = zip(instances, known, strict=True)
        return [from_instance(0, instance, is_label_given=label is not None) for instance, label in paired]

    def _again(self, item: LabeledObject, point: Point, label: str | None) -> LabeledObject:
        """Return an object with a new mask and its old negative clicks."""
        changed = self._at_point(item.id, point, label)
        for place in item.erased:
            if point_in_rle(place, changed.mask):
                changed = self._erased(changed, place)
        return changed

    def _erased(self, item: LabeledObject, point: Point) -> LabeledObject:
        other = decode_rle(self.segment(points=[point], mask_format="rle")[0]["mask"])
        masks = []
        for rle in (item.mask, item.rough_mask):
            left = None if rle is None else without_part(decode_rle(rle), point, item.anchor, other)
            masks.append(None if left is None else encode_mask(left))
        if not rle_area(masks[0]):
            raise UserError("That would remove the whole mask; remove the object instead.")
        return replace(item, mask=masks[0], rough_mask=masks[1], erased=(*item.erased, point), doubt=None)

    def _object_at(self, point: Point, id: int | None) -> LabeledObject:
        """Return the given object if its mask holds the point, else the smallest mask that does."""
        self._check_inside(point)
        if id is not None and point_in_rle(point, self.object(id).mask):
            return self.object(id)
        under = [item for item in self.objects.values() if point_in_rle(point, item.mask)]
        if not under:
            raise UserError("There is no mask at this place to remove something from.")
        return min(under, key=lambda item: rle_area(item.mask))

    def _without_label(self, found: Sequence[dict[str, Any]]) -> list[int]:
        """Return the indices of instances that are no labeled object."""
        present, masks = [item.mask for item in self.objects.values()], [one["mask"] for one in found]
        if not present or not masks:
            return list(range(len(masks)))
        is_inside = rle_coverages(masks, present).max(axis=1) >= SAME_OBJECT_COVERAGE
        covers_one = rle_coverages(present, masks).max(axis=0) >= SAME_OBJECT_COVERAGE
        return np.flatnonzero(~(is_inside | covers_one)).tolist()

    # -- changes

    def _put(self, item: LabeledObject) -> LabeledObject:
        self._change({**self.objects, item.id: item})
        return item

    def _change(self, objects: dict[int, LabeledObject]) -> None:
        self._history = [*self._history, self.objects][-UNDO_STEPS:]
        self.objects = objects

    def _next_id(self) -> int:
        # Numbers are not used twice, so that a number means one object for the page, whatever was undone.
        self._last_id += 1
        return self._last_id

    # -- checks

    def _known(self, label: str) -> str:
        if label not in self.class_names:
            raise UserError(f"The model has no class {label!r:.60}; it has {', '.join(self.class_names[:20])}.")
        return label

    def _check_inside(self, point: Point) -> None:
        (x, y), (width, height) = point, self.size
        if not (0 <= x < width and 0 <= y < height):  # also true for NaN
            raise UserError(f"The point ({x:g}, {y:g}) lies outside the image of {width} × {height} pixels.")

    def _check_room(self, number: int) -> None:
        if len(self.objects) + number > self.max_objects:
            raise UserError(
                f"The image would have {counted(len(self.objects) + number, 'object')}; the limit of this app is "
                f"{self.max_objects:,} per image."
            )
