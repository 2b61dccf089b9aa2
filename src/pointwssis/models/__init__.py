# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 and MaskRefineNet, laid out like the model folders of transformers, and the factory that starts a training."""
