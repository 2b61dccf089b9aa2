# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Check a dataset before anything is trained on it: unreadable images, wrong labels, leaks, sizes."""
