# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis push`: a model, or all models of a run, to the Hub."""

import argparse
from collections.abc import Sequence

EPILOG = """examples:
  pointwssis push outputs/nuclei/student_refined me/nuclei
  pointwssis push outputs/nuclei me/nuclei     # me/nuclei is the student, with me/nuclei-teacher and me/nuclei-refiner

Log in first with `hf auth login`, or set HF_TOKEN. Files that are already on the Hub are not uploaded again."""


def main(arguments: Sequence[str]) -> None:
    """Upload a model or the models of a run, and print their addresses."""
    parser = argparse.ArgumentParser(
        prog="pointwssis push",
        description="Upload a model with its card to the Hub; of a run: student, teacher and refiner.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="folder of a model, or output_dir of a run")
    parser.add_argument("repo", help="repository, such as me/nuclei; created if it does not exist")
    parser.add_argument("--private", action="store_true", help="create private repositories")
    options = parser.parse_args(arguments)
    # Imported after the options, so that the help does not wait for torch.
    from ..registration import register
    from ..runs.publish import publish

    register()
    for part, address in publish(options.folder, options.repo, options.private).items():
        print(f"{part}: {address}")
