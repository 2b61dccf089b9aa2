# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`python -m pointwssis`."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
