# Each target sets up what it needs, once: the environment is made anew only when
# pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Nobody is there to answer pip.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-fast bench check clean

help:
	@echo "make demo       run flows on real data: follow one live, see one fail, resume it"
	@echo "make test       everything: check, then every test"
	@echo "make test-fast  the tests that need less than a minute together"
	@echo "make bench      figures beside those of metaflow's own Runner, as a table"
	@echo "make check      ruff and mypy"
	@echo "make clean      remove the environment and all caches"

demo: $(READY)
	$(BIN)/python notebooks/demo.py

# Once with every run started cold, once with every run started warm.
test: check
	NBRUNNER_TEST_WARM=0 $(BIN)/python -m pytest
	NBRUNNER_TEST_WARM=1 $(BIN)/python -m pytest

test-fast: $(READY)
	$(BIN)/python -m pytest -m "not slow"

bench: $(READY)
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.warm_starts

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Debian's python3 comes without ensurepip, which venv needs.
$(READY): pyproject.toml
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
