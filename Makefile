# Each target sets up what it needs, once. The environment is created again only if
# pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODULES := js/node_modules/.ready
BUNDLES := nbrunner/static/log_view.js
LAB_OPTIONS := $(if $(filter 0,$(shell id -u)),--allow-root)
PYTEST := $(BIN)/python -m pytest
TWO_AT_A_TIME := $(PYTEST) -n 2 --dist worksteal
CHROMIUM := $(or $(shell command -v chromium),/usr/bin/chromium)

# pip must not prompt.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo lab test test-fast bench soak pictures reference check clean

help:
	@echo "make demo       run flows on real data: follow one live, resume one that failed;"
	@echo "                execute the quickstart notebook into build/quickstart.html"
	@echo "make lab        JupyterLab with copies of the example notebooks in build/lab"
	@echo "make test       everything: check, then every test"
	@echo "make test-fast  the tests that take less than a minute in total"
	@echo "make bench      benchmarks against metaflow's own Runner, as a table"
	@echo "make soak       an hour's use of one notebook, and its growth"
	@echo "make pictures   the README's pictures of the panels, taken in JupyterLab in Chromium"
	@echo "make reference  docs/reference.md, from the docstrings"
	@echo "make check      ruff, mypy, tsc, vitest"
	@echo "make clean      remove the environment and all caches"

demo: $(READY)
	$(BIN)/python notebooks/demo.py
	NBRUNNER_STATE_DIR=$(CURDIR)/build/demo METAFLOW_DATASTORE_SYSROOT_LOCAL=$(CURDIR)/build/demo \
		$(BIN)/jupyter-nbconvert --log-level WARN --execute --to html --output-dir build \
		notebooks/quickstart.ipynb
	@echo "the quickstart notebook, executed: build/quickstart.html"

# Once with every run started warm, and once cold those tests that may depend on it. Tests that
# measure run one after another, all others two at a time.
test: check $(CHROMIUM)
	NBRUNNER_TEST_WARM=1 $(TWO_AT_A_TIME) -m "not alone"
	NBRUNNER_TEST_WARM=0 $(TWO_AT_A_TIME) -m "not alone and not once" --ignore=tests/browser
	NBRUNNER_TEST_WARM=1 $(PYTEST) -m "alone"
	NBRUNNER_TEST_WARM=0 $(PYTEST) -m "alone and not once" --ignore=tests/browser

test-fast: $(READY) $(BUNDLES)
	NBRUNNER_TEST_WARM=1 $(TWO_AT_A_TIME) -m "not slow"

# Copies, so that changes do not show up in the clone.
# Jupyter refuses to run as root by default; in a container the user often is root.
lab: $(READY) $(BUNDLES)
	mkdir -p build/lab && cp -R -n notebooks/. build/lab
	$(BIN)/jupyter-lab build/lab/quickstart.ipynb $(LAB_OPTIONS)

bench: $(READY) $(BUNDLES) $(CHROMIUM)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.warm_starts
	$(BIN)/python -m benchmarks.notebook

soak: $(READY) $(BUNDLES) $(CHROMIUM)
	$(BIN)/python -m benchmarks.soak

pictures: $(READY) $(BUNDLES) $(CHROMIUM)
	$(BIN)/python tools/pictures.py

reference: $(READY)
	$(BIN)/python tools/reference.py

check: $(READY) $(BUNDLES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	cd js && npm run --silent check && npm test --silent

# Debian's python3 comes without ensurepip, which venv needs.
$(READY): pyproject.toml hatch_build.py | $(BUNDLES)
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# Node's packages, anew only when their lock has changed.
$(MODULES): js/package-lock.json
	cd js && npm ci --silent --no-fund --no-audit
	touch $@

$(BUNDLES): $(MODULES) $(shell find js/src -type f) js/build.mjs
	cd js && npm run --silent build

# A front end's tests need a browser: Debian's own.
$(CHROMIUM):
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core

clean:
	rm -rf js/node_modules nbrunner/static $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
