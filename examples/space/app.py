# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis app` as a Hugging Face Space: visitors drop images, click objects, and download labels.

The variables of the Space choose the models: MODEL, and REFINER ("general" is the refiner of the package). Locally:

MODEL=outputs/demo/student_refined REFINER=outputs/demo/refiner python examples/space/app.py
"""

import os

from pointwssis.cli.app import main

words = [os.environ["MODEL"], "--host", os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")]
if refiner := os.environ.get("REFINER"):
    words += ["--refiner", refiner]
# Strangers share the machine, so they get less than people at home.
words += ["--output_dir", "labels", "--max_users", "4", "--max_megapixels", "12", "--max_megabytes", "10"]
words += ["--max_objects", "300", "--max_dropped", "10", "--max_dropped_megabytes", "30"]
main(words)
