# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis review RUN`: the pseudo labels of a run, ranked by doubt, and the worst images for correction."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..ops.user_error import UserError
from ..ops.wording import counted

FORMAT_NAMES = ("label_studio", "cvat", "coco")  # those of `FILES_TO_CORRECT`
EPILOG = """examples:
  pointwssis review outputs/mine                              # tasks for Label Studio, in outputs/mine/review
  pointwssis review outputs/mine --format cvat --images 50
  pointwssis run outputs/mine --corrections corrected.xml --output_dir outputs/mine_2

Correct the exported images in your tool, delete those that you did not look at, and go on from the run with the last
command: masks of corrected images count as drawn by hand, and the student goes on from there.

Without another tool, correct in the browser; outputs/corrections/labels.json is then the file of corrections:
  pointwssis app outputs/mine/student_refined --refiner outputs/mine/refiner \\
    --labels outputs/mine/pseudo/refined --output_dir outputs/corrections"""


def main(arguments: Sequence[str]) -> None:
    """Write the review of a run, and print where it lies and what to do with it."""
    parser = argparse.ArgumentParser(
        prog="pointwssis review",
        description="Rank the pseudo labels of a run by doubt, and export the worst images for correction.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="output folder of a run with pseudo labels")
    parser.add_argument("--output_dir", type=Path, help="new folder for the review (default: RUN/review)")
    parser.add_argument("--images", type=int, default=20, help="number of images to export (default: %(default)s)")
    parser.add_argument("--format", choices=FORMAT_NAMES, default="label_studio", help="default: %(default)s")
    parser.add_argument("--image_prefix", help="label_studio: prefix of the image paths, such as a URL")
    options = parser.parse_args(arguments)
    if options.images < 1:
        parser.error(f"argument --images: must be at least 1, got {options.images}")
    if options.image_prefix is not None and options.format != "label_studio":
        raise UserError(f"--image_prefix applies to label_studio; {options.format} has paths below the image folder")

    # Imported after the options, so that the help does not wait for torch.
    from ..review.review_files import write_review

    prefix = {} if options.image_prefix is None else {"image_prefix": options.image_prefix}
    folder = options.output_dir or options.run / "review"
    review = write_review(options.run, folder, options.format, options.images, **prefix)
    doubtful = sum(image.doubtful for image in review.worst)
    print(f"labels by doubt: {review.labels}\nimages by what a correction brings: {review.images}")
    print(f"the most doubtful labels: {review.sheet}")
    print(
        f"to correct: {review.to_correct}: {counted(len(review.worst), 'image')}, {counted(doubtful, 'doubtful label')}"
    )
    print(f"then: pointwssis run {options.run} --corrections CORRECTED_FILE --output_dir NEW_FOLDER")
