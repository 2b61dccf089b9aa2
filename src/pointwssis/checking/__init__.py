# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A look at data before anything is trained on it, and settings that suit it."""
