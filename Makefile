# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
# Every target sets up .venv by itself; it is brought up to date when setup.cfg, pyproject.toml or constraints.txt change.

# The first interpreter that runs and is new enough; `make PYTHON=/path/to/python test` chooses another.
IS_SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c '$(IS_SUITABLE)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
# What tests, checks, and docs need beside it
DEVELOPED := .venv/.developed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test docs drills pictures bench common-tests test-versions quality style

help: ## show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-14s%s\n", $$1, $$2}'

demo: $(INSTALLED) ## all stages on nuclei in microscopy images, a few minutes on a CPU
	$(BIN)/pointwssis demo

# Tests run in as many processes, each with one thread; the tests of a file stay together.
WORKERS ?= 2

test: $(DEVELOPED) ## doctests and tests, offline; WORKERS=2 processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations 20

KILLS ?= 100
SOAK ?= --images 20000 --minutes 60
MUTATIONS ?= 10000

drills: $(DEVELOPED) ## kills, damage, mutated files, full disks (need root), extreme sizes, long runs; hours; KILLS, MUTATIONS, SOAK
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m drills --kills $(KILLS)
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m drills.mutate --count $(MUTATIONS)
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m drills.sizes
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m drills.soak $(SOAK)
	$(BIN)/python -m pytest tests/properties --hypothesis-profile=drill

# Trained by: pointwssis run nuclei --data_dir data/nuclei --output_dir outputs/nuclei, and make demo
DATA ?= data/nuclei
MODELS ?= outputs/nuclei
DEMO ?= outputs/demo

pictures: $(DEVELOPED) ## the pictures of the docs, from DATA=data/nuclei and MODELS=outputs/nuclei
	$(BIN)/python docs/make_pictures.py --data_dir $(DATA) --models $(MODELS) --demo $(DEMO)
	$(BIN)/python docs/guide_pictures.py --demo $(DEMO)

docs: $(DEVELOPED) ## the docs site in build/docs; a broken link or reference fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

common-tests: $(DEVELOPED) ## transformers' own tests on our classes, in both image processor backends
	$(BIN)/python tests/common/fetch.py
	PYTHONPATH=.cache/common-tests/torchvision $(BIN)/python -m pytest tests/common || test $$? -eq 5 # all skipped

bench: $(INSTALLED) ## speed beside yardsticks, on an idle machine; ONLY="points-1 help" measures some rows
	$(PIP_INSTALL) -e '.[bench,fast-eval,onnx]'
	$(BIN)/python -m benchmarks.run $(if $(ONLY),--only $(ONLY))

test-versions: $(DEVELOPED) ## the lowest and the newest supported transformers, and supervision
	$(BIN)/python tests/versions.py

quality: $(DEVELOPED) ## lint and format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

style: $(DEVELOPED) ## fix what linter and formatter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv: $(INSTALLED)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(if $(PYTHON),,$(error Python 3.11 or newer was not found: install it or name one, e.g. make PYTHON=/path/to/python3.11))
	$(PYTHON) -c '$(IS_SUITABLE)' || { echo "$(PYTHON) is older than Python 3.11" >&2; exit 1; }
	@echo 'setting up .venv: a few minutes the first time'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP_INSTALL) -e '.[lite]'
	@touch $@

$(DEVELOPED): $(INSTALLED)
	$(PIP_INSTALL) -e '.[app,docs,fast-eval,lite,onnx,quality,tensorboard,test]'
	@touch $@
