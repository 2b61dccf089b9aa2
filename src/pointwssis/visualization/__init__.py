# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Draw instances, points, contact sheets and training curves with Pillow."""

from .curves import draw_curves
from .drawing import contact_sheet, draw_instances, draw_points

__all__ = ["contact_sheet", "draw_curves", "draw_instances", "draw_points"]
