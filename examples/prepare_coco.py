# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""COCO 2017, or any folder of its layout, as a dataset with one configuration per experiment: coco1 … coco50.

python examples/prepare_coco.py --data_dir data/coco --output_dir data/coco-prepared
pointwssis run examples/recipes/coco10.yaml --dataset_name data/coco-prepared --dataset_config coco10 \
    --image_dir data/coco --output_dir outputs/coco10
"""

import argparse
import sys

from pointwssis.cli.endings import run_script
from pointwssis.data import prepare_coco, push_prepared
from pointwssis.data.prepared.protocols import PERCENTAGES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True, help="folder with annotations/ and the images")
    parser.add_argument("--output_dir", required=True, help="new folder for the dataset")
    parser.add_argument(
        "--percentages",
        type=int,
        nargs="+",
        default=PERCENTAGES,
        help="percentages of the images that keep their masks",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random subsets")
    parser.add_argument("--subsets_dir", help="folder of the authors' subset files, to use their subsets")
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
    folder = prepare_coco(
        options.data_dir,
        options.output_dir,
        percentages=options.percentages,
        seed=options.seed,
        subsets_dir=options.subsets_dir,
        check_images=not options.no_check_images,
        embed_images=options.embed_images,
        skip_bad=options.skip_bad,
    )
    print(f"{folder}: described in {folder / 'README.md'}")
    if options.push_to_hub:
        print(push_prepared(folder, options.hub_dataset_id, options.hub_private))


if __name__ == "__main__":
    sys.exit(run_script(main))
