# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis COMMAND`, which is `python -m pointwssis COMMAND`."""

import importlib
import importlib.metadata
import io
import os
import sys
import traceback
from collections.abc import Sequence

from ..ops.interruption import ending_with_the_reader, raising_on_termination, reader_has_ended
from ..ops.user_error import UserError
from ..ops.wording import did_you_mean, with_hint
from .endings import naming_errors_of_threads, reason_of, stopped

COMMANDS = {
    "demo": "run all stages on microscopy images of the package, in a few minutes",
    "run": "run all stages of a recipe on your data",
    "recipes": "list the recipes that come with the package, or print one",
    "check": "report the content and the problems of a dataset; propose a recipe for it",
    "budget": "compute the labeling time, or what a number of hours buys",
    "predict": "segment images; write COCO JSON, CSV, label images and overlays",
    "review": "rank the pseudo labels of a run by doubt, and export the worst images for correction",
    "app": "label images in the browser: a mask per click",
    "push": "upload a model, or all models of a run, to the Hub",
    "export": "write labels for an annotation tool: COCO, YOLO, Label Studio, CVAT, LabelMe, VIA",
    "onnx": "write a model as ONNX files, which run without torch",
    "convert": "convert the authors' checkpoints to models of this package",
}
OPTIONS = {
    "--help": "show this help; pointwssis COMMAND --help shows the options of a command",
    "--version": "print the version",
    "--debug": "show the traceback of every error; works before and after the command",
}
REPORT = (
    "this is a bug in pointwssis; please report it with the traceback above, the command and `pointwssis --version`"
)


def usage() -> str:
    """Return the general help text."""
    commands = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    options = "\n".join(f"  {name:<10} {text}" for name, text in OPTIONS.items())
    return f"usage: pointwssis COMMAND [options]\n\ncommands:\n{commands}\n\noptions:\n{options}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    An error about the input ends with one line on stderr, a bug with its traceback.

    Args:
        arguments: words of the command line; None takes those of the process.

    Returns:
        Exit code: 0 on success, 1 after an error, 2 for wrong usage, 129, 130 or 143 after SIGHUP, SIGINT or SIGTERM.

    Raises:
        SystemExit: help was printed, an option is wrong, or nobody reads the output any more.
    """
    open_closed_streams()
    print_any_character()
    with ending_with_the_reader():
        return run_words(list(sys.argv[1:] if arguments is None else arguments))


def run_words(words: list[str]) -> int:
    """Run the command that words of the command line name; see `main`."""
    # --debug may stand anywhere, so it is taken out first.
    debug, words = "--debug" in words, [word for word in words if word != "--debug"]
    if "--version" in words:
        print(f"pointwssis {importlib.metadata.version('pointwssis')}")
        return 0
    # Help that was asked for is a success; without words the usage is wrong.
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0 if words else 2
    name = words[0]
    # The help follows the error, both on stderr.
    if name not in COMMANDS:
        message = with_hint(f"pointwssis: unknown command {name!r}", did_you_mean(name, COMMANDS))
        print(f"{message}\n\n{usage()}", file=sys.stderr)
        return 2
    return run_command(name, words[1:], debug)


def run_command(name: str, words: Sequence[str], debug: bool) -> int:
    """Run a known command and turn its exceptions into messages and exit codes; see `main`."""
    try:
        refuse_missing_docstrings()
        refuse_empty(words)
        with raising_on_termination(), naming_errors_of_threads(f"pointwssis {name}"):
            # Import on use, so that a command starts without the libraries of the others.
            command = importlib.import_module(f"pointwssis.cli.{name}")
            return command.main(words) or 0
    except KeyboardInterrupt as stop:
        return stopped(f"pointwssis {name}", stop, "run the same command again to resume")
    except Exception as error:
        # `main` ends quietly.
        if isinstance(error, BrokenPipeError) and reader_has_ended():
            raise
        reason = reason_of(error)
        if reason is not None:
            if debug:
                raise
            print(f"pointwssis {name}: {reason}", file=sys.stderr)
            return 1
        # Printed here and not raised, so that the request comes after the traceback.
        traceback.print_exc()
        print(f"pointwssis {name}: {REPORT}", file=sys.stderr)
        return 1


def open_closed_streams() -> None:
    """Let closed standard streams lead nowhere: libraries write to them, and files must not take their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def print_any_character() -> None:
    """Let stdout escape the characters that its encoding lacks, as stderr does; without, they end the command.

    Encodings lack many where the locale is C, and on Windows, where the output goes into a file or a pipe.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def refuse_missing_docstrings() -> None:
    """Raise a `UserError` where Python leaves docstrings out, which transformers reads when a model is imported."""
    if sys.flags.optimize > 1:
        raise UserError("transformers cannot do without docstrings; start Python without -OO, and unset PYTHONOPTIMIZE")


def refuse_empty(words: Sequence[str]) -> None:
    """Raise a `UserError` for an empty word, which would stand for the working directory where a path is expected."""
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if not word or word.endswith("=") and word.startswith("--"):
            name = word.rstrip("=") or (before if before.startswith("--") else f"argument {place + 1}")
            raise UserError(
                f"{name} is empty; give a value, or leave it out (an unset variable of a shell is empty too)"
            )
