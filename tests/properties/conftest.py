# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Profiles of hypothesis: a few examples with `make test`, always the same ones, and many others as a drill.

python -m pytest tests/properties --hypothesis-profile=drill
"""

from hypothesis import HealthCheck, settings

# Timings beside other programs say nothing; examples of images are large.
COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}

settings.register_profile("test", derandomize=True, max_examples=12, **COMMON)
settings.register_profile("drill", max_examples=2000, print_blob=True, **COMMON)
settings.load_profile("test")
