# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Review the pseudo labels of a run: rank them by doubt, and hand the worst images to people for correction."""
