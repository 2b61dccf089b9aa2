# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""MaskRefineNet: refines the rough mask of one object, given its image crop and its point (paper section 3.3)."""
