# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run a recipe: its data, its stages, its results, and publishing its models."""

from .plan import RunPlan, StagePlan
from .recipe import Recipe
from .run import Run

__all__ = ["Recipe", "Run", "RunPlan", "StagePlan"]
