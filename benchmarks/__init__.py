# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measurements that need more time or data than tests."""
