# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The Hugging Face Hub: mixins of models and pipelines, uploads, model cards."""
