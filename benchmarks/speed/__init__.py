# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Speed of the library beside yardsticks: `python -m benchmarks.run`."""
