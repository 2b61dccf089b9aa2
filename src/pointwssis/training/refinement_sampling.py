# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings of the training samples of MaskRefineNet, which recipes hold too."""

from dataclasses import dataclass

from ..ops.user_error import UserError


@dataclass(frozen=True)
class RefinementSampling:
    """Choice of the object, the point and the rough mask of each training sample of MaskRefineNet.

    Args:
        point_jitter: standard deviation of the point's offset, as a fraction of the object's width and height.
        perturb: fraction of the samples whose rough mask is a perturbed ground truth instead of a predicted mask. Above
            0, objects without a predicted mask are samples too.
        drop_rough: fraction of the samples whose rough mask is empty or a small disc around the point.
        color_jitter: largest change of color; the gain of each channel is drawn from 1 ± this value, gamma from
            exp(± this value).
        paste_neighbors: fraction of the samples in which another object of the training images is pasted beside the
            object, or partly over or under it. Half of their rough masks leak into this neighbor.
        self_training: fraction of the samples that are pseudo labels, objects with a score, if there are any. Their
            predicted rough masks have nothing to correct, so that perturbed ones replace them. 0 treats pseudo labels
            as annotated masks.
        agreement: lowest IoU of rough mask and label of a pseudo label that `self_training` takes.

    Raises:
        UserError: a fraction lies outside 0 to 1, or `perturb` and `drop_rough` exceed 1 together.
    """

    point_jitter: float = 0.15
    perturb: float = 0.0
    drop_rough: float = 0.0
    color_jitter: float = 0.0
    paste_neighbors: float = 0.0
    self_training: float = 0.0
    agreement: float = 0.8

    def __post_init__(self) -> None:
        if self.point_jitter < 0:
            raise UserError(f"refiner.point_jitter is {self.point_jitter}; it must be at least 0")
        for name in ("perturb", "drop_rough", "color_jitter", "paste_neighbors", "self_training", "agreement"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"refiner.{name} is {value}; it must lie between 0 and 1")
        if self.perturb + self.drop_rough > 1:
            raise UserError(
                f"refiner.perturb is {self.perturb} and refiner.drop_rough is {self.drop_rough}; both are fractions of "
                "the samples, so their sum must be at most 1"
            )
