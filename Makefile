# Everything a person does with this checkout, one word each. `make` alone lists it.
PYTHON ?= python3
PIP_ARGS ?=
WORKERS ?= 2
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs
BENCHMARKS := accuracy desk finder fuzz gate guarantee heat index landmarks line_soak monitor moves mutants near_copies own_folder pacs_round_trip phantoms routing speed stacks viewer volumes

export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo desk test check docs certificates cards bench $(BENCHMARKS:%=bench-%) clean

help: ## list what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo '  make bench-NAME ARGS="--help"  a comparison or measurement; NAME: $(BENCHMARKS)'
	@echo "  variables: PYTHON=$(PYTHON) (3.11 or newer), PIP_ARGS= (passed to pip, for example to name an index with CPU builds), WORKERS=$(WORKERS) (processes of make test)"

setup: $(READY) ## create .venv with the exact versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[bench,desk,dev,dicom,imagenet,pacs]"
	@touch $(READY)

demo: $(READY) ## make study folders, scan them offline, show decisions, log and report (in ./demo)
	$(BIN)/inspect-ai demo --dir demo

desk: $(READY) ## open the reader's desk over the demo's studies, in the browser
	test -f demo/inspect_ai.db || $(BIN)/inspect-ai demo --dir demo
	$(BIN)/inspect-ai desk --db demo/inspect_ai.db --out demo/report --root demo/studies

test: $(READY) ## run the whole test suite
	$(BIN)/python -m pytest -q -n $(WORKERS) $(PYTEST_ARGS)

check: $(READY) ## style, types, imports, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

docs: $(DOCS_READY) ## build the documentation into ./site, every link checked
	$(BIN)/mkdocs build --strict
	@echo "Open site/index.html, or with search: $(BIN)/python -m http.server --directory site"

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[docs]"
	@touch $(DOCS_READY)

certificates: $(READY) ## issue again the certificates that ship (DATA=folder of labelled data), after code that they bind changed
	$(BIN)/python -m benchmarks.certificates --data $(DATA)

cards: $(READY) ## write the frontier of each shipped operating point into its model card
	$(BIN)/python -m benchmarks.cards

bench: bench-speed ## measure speed and print the figures

$(BENCHMARKS:%=bench-%): bench-%: $(READY)
	$(BIN)/python -m benchmarks.$* $(ARGS)

clean: ## remove what demo, scans and tools left (not .venv)
	rm -rf demo inspect_ai_out site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
