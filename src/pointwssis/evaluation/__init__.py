# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure masks: COCO average precision, pseudo labels against hidden masks, clicks without a class."""

from .clicks import evaluate_clicks
from .coco_evaluator import CocoEvaluator
from .pseudo_labels import evaluate_pseudo_labels

__all__ = ["CocoEvaluator", "evaluate_clicks", "evaluate_pseudo_labels"]
