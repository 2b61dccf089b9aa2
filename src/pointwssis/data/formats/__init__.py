# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Read and write annotation formats, one file per format; `loading` recognizes which is which."""
