# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tables and figures of the paper at a small scale: `examples/reproduce_tables.py` is the command."""
