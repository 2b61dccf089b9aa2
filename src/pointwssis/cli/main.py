# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis COMMAND`, which is `python -m pointwssis COMMAND`."""

import importlib
import sys
from collections.abc import Sequence

from huggingface_hub.errors import StrictDataclassError

COMMANDS = {
    "demo": "all stages on drawn shapes, in a few minutes",
    "run": "all stages of a recipe on your data",
    "check": "what is in a dataset, what is wrong with it, and settings that suit it",
    "budget": "what labels cost, and what so many hours of labeling buy",
    "predict": "instances of images or folders, as COCO JSON, CSV, label images and overlays",
    "push": "a model, or all models of a run, to the Hub",
    "export": "labels for COCO, YOLO, Label Studio or CVAT, so that people can correct them",
    "convert": "the authors' checkpoints as folders or Hub repositories of this package",
}


def usage() -> str:
    commands = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    return f"usage: pointwssis COMMAND [options]\n\n{commands}\n\npointwssis COMMAND --help tells the options."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; wrong input ends with one clear line instead of a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        print(f"pointwssis: unknown command {words[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    command = importlib.import_module(f"pointwssis.cli.{words[0]}")
    try:
        return command.main(words[1:]) or 0
    except (ValueError, OSError, StrictDataclassError) as error:
        print(f"pointwssis {words[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"pointwssis {words[0]}: stopped; the same command goes on where it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
