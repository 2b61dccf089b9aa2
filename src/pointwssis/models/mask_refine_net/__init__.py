# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""MaskRefineNet (paper, section 3.3): configuration, network, loss, crops, image processors."""
