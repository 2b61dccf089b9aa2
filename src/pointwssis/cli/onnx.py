# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis onnx`: a trained model as ONNX files, which run without torch."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..ops.user_error import UserError

EPILOG = """examples:
  pointwssis onnx outputs/nuclei/student_refined onnx/nuclei
  pointwssis onnx outputs/nuclei/student_refined onnx/nuclei --refiner outputs/nuclei/refiner --int8 images

The folder contains the program that runs the files with onnxruntime, NumPy and Pillow, and a README.md that shows its
use. docs/deploy.md has recipes for TensorRT and the browser."""
NEEDED = ("onnx", "onnxruntime", "onnxscript")


def main(arguments: Sequence[str]) -> None:
    """Write a model as ONNX files."""
    parser = argparse.ArgumentParser(
        prog="pointwssis onnx",
        description="Write a trained model as ONNX files, which onnxruntime runs without torch.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    parser.add_argument("output_dir", metavar="OUT", help="new folder for the files")
    parser.add_argument("--refiner", help="general, or a folder or Hub repository of a MaskRefineNet")
    parser.add_argument(
        "--int8", nargs="+", metavar="IMAGE", help="write an 8-bit encoder, too, fitted to these images or folders"
    )
    options = parser.parse_args(arguments)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UserError(f"{missing[0]} is not installed; pip install 'pointwssis[onnx]'")

    # Imported after the options, so that the help does not wait for torch.
    from ..onnx_export.onnx_files import refuse_existing, write_onnx
    from ..onnx_export.saved_models import load_refiner_model, load_segmenter
    from ..registration import register
    from .image_paths import image_files
    from .saved_segmenter import class_names, hide_loading_bars

    # Everything that can be wrong is checked before the weights are loaded.
    refuse_existing(Path(options.output_dir))
    register()
    hide_loading_bars()
    images = list(image_files(options.int8)) if options.int8 else []
    class_names(options.model)  # raises for other models
    refiner = None if options.refiner is None else load_refiner_model(options.refiner)
    write_onnx(options.output_dir, load_segmenter(options.model), refiner, images)
    print(f"{options.model} → {options.output_dir}: {size_of(Path(options.output_dir))}")


def size_of(folder: Path) -> str:
    """Return the names of the ONNX files in a folder, with their sizes."""
    return ", ".join(f"{path.name} {path.stat().st_size / 2**20:.1f} MB" for path in sorted(folder.glob("*.onnx")))
