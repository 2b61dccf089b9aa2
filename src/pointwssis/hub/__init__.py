# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Talk to the Hugging Face Hub: model mixins, uploads, model cards."""
