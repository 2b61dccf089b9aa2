# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Plan an experiment: propose the settings of a recipe from the data and the speed of the machine."""
