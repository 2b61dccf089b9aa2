# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis push`: a model, or all models of a run, to the Hub."""

import argparse
from collections.abc import Sequence

from ..runs.publish import publish

EPILOG = """examples:
  pointwssis push outputs/nuclei/student_refined me/nuclei
  pointwssis push outputs/nuclei me/nuclei     # me/nuclei is the student, with me/nuclei-teacher and me/nuclei-refiner

Log in with `hf auth login` or set HF_TOKEN before. What is on the Hub already is not sent again."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="pointwssis push",
        description="Sends a model to the Hub with its card; of a run the student, the teacher and the refiner.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="of a model, or output_dir of a run")
    parser.add_argument("repo", help="where to, such as me/nuclei; it is created where it does not exist")
    parser.add_argument("--private", action="store_true", help="make new repositories private")
    options = parser.parse_args(arguments)
    for part, address in publish(options.folder, options.repo, options.private).items():
        print(f"{part}: {address}")
