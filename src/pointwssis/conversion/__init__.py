# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Convert checkpoints of the paper's authors and of detectron2 into folders that `from_pretrained` loads."""
