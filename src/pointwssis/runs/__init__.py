# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run a recipe: its data, its stages, its results, and publishing its models."""

from typing import TYPE_CHECKING

from ..ops.lazy_names import lazy_names

if TYPE_CHECKING:
    from .plan import RunPlan, StagePlan
    from .recipe import Recipe
    from .run import Run

__getattr__, __dir__ = lazy_names(__name__, __file__)

__all__ = ["Recipe", "Run", "RunPlan", "StagePlan"]
