# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 (Wang et al. 2020): configuration, network, grid, loss, decoding, image processors."""
