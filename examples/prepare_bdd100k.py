# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""BDD100K as a dataset with one configuration per experiment: 7k images with masks, 20k, 40k or 67k with points.

python examples/prepare_bdd100k.py --data_dir data/bdd100k --output_dir data/bdd100k-prepared
pointwssis run bdd100k_67k --dataset_name data/bdd100k-prepared --image_dir data/bdd100k
"""

import argparse
import sys

from pointwssis.cli.endings import run_script
from pointwssis.data import prepare_bdd100k, push_prepared
from pointwssis.data.prepared.prepare_bdd100k import MASK_FORMS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True, help="folder of the unpacked BDD100K, with images/ and labels/")
    parser.add_argument("--output_dir", required=True, help="new folder for the dataset")
    parser.add_argument("--masks", choices=MASK_FORMS, default="rles", help="format of the mask annotations")
    parser.add_argument("--no_check_images", action="store_true", help="do not check the image files")
    parser.add_argument("--embed_images", action="store_true", help="store the image files in the dataset, for the Hub")
    parser.add_argument("--skip_bad", action="store_true", help="skip invalid records instead of stopping")
    parser.add_argument("--push_to_hub", action="store_true", help="upload the dataset to the Hub")
    parser.add_argument("--hub_dataset_id", help="dataset repository, such as user/name")
    parser.add_argument("--hub_private", action="store_true", help="make a new repository private")
    options = parser.parse_args()
    if options.push_to_hub and not options.hub_dataset_id:
        parser.error("--push_to_hub needs --hub_dataset_id, such as user/name")

    # The dataset's card, README.md, lists its configurations.
    folder = prepare_bdd100k(
        options.data_dir,
        options.output_dir,
        masks=options.masks,
        check_images=not options.no_check_images,
        embed_images=options.embed_images,
        skip_bad=options.skip_bad,
    )
    print(f"{folder}: described in {folder / 'README.md'}")
    if options.push_to_hub:
        print(push_prepared(folder, options.hub_dataset_id, options.hub_private))


if __name__ == "__main__":
    sys.exit(run_script(main))
