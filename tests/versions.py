# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run what depends on transformers with versions other than those in constraints.txt: `python tests/versions.py`.

`lowest` and `newest` are the ends of the range that setup.cfg allows for transformers; `supervision` is the optional
package. Each has a separate environment under `.cache/versions`, which takes everything else from the one that runs
this, so that only what differs is fetched. Names as arguments choose among the three.
"""

import configparser
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "versions"

# Configurations, networks, image processors, Auto classes, pipelines, training and whole runs. Left out: data, formats
# and mathematics, which never see transformers.
DEPENDS_ON_TRANSFORMERS = (
    "tests/models", "--ignore=tests/models/solov2/test_loss.py", "tests/pipelines", "tests/training",
    "tests/pseudo_labeling", "tests/test_registration.py", "tests/runs/test_run.py", "tests/evaluation/test_clicks.py",
    "tests/cli/test_predict.py", "tests/cli/test_predict_going_on.py", "tests/cli/test_submission.py",
)  # fmt: skip


def requirement(text: str, package: str) -> str:
    """Return the line of a list of requirements that names a package.

    Example:
        >>> requirement("torch >=2.6,<3\\ntransformers >=5.21,<6", "transformers")
        'transformers >=5.21,<6'
    """
    return next(line.strip() for line in text.splitlines() if re.match(rf"\s*{package}\b", line))


def lowest(requirement: str) -> str:
    """Return the lowest version that a requirement allows.

    Example:
        >>> lowest("transformers >=5.21,<6")
        'transformers==5.21'
    """
    package, version = re.match(r"([\w-]+)\s*>=\s*([\w.]+)", requirement).groups()
    return f"{package}=={version}"


def environment(name: str, wanted: str) -> Path:
    """Return the interpreter of an environment that differs from the running one in the given packages."""
    folder = CACHE / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, symlinks=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    inner = Path(sysconfig.get_path("purelib", "venv", paths))
    # Not a bare path: the editable installation is itself such a file, which only `addsitedir` reads.
    outer = sysconfig.get_path("purelib")
    (inner / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade", wanted]
    subprocess.run(pip, check=True)
    return python


def main(names: list[str]) -> int:
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg", encoding="utf-8")
    transformers = requirement(options["options"]["install_requires"], "transformers")
    supervision = requirement(options["options.extras_require"]["supervision"], "supervision")
    runs = {
        "lowest": (lowest(transformers), DEPENDS_ON_TRANSFORMERS),
        "newest": (transformers, DEPENDS_ON_TRANSFORMERS),
        "supervision": (supervision, ("tests/pipelines/test_supervision.py",)),
    }
    failed = []
    for name in names or runs:
        wanted, tests = runs[name]
        python = environment(name, wanted)
        package = wanted.split()[0].partition("=")[0]
        print_version = f"from importlib.metadata import version; print('{name}: {package}', version('{package}'))"
        subprocess.run([str(python), "-c", print_version], check=True)
        done = subprocess.run([str(python), "-m", "pytest", "--quiet", *tests], cwd=ROOT)
        failed += [name] * (done.returncode != 0)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
