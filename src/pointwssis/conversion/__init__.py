# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Convert the checkpoints of the authors of the paper, and of detectron2, into folders that `from_pretrained` takes."""
