# Everything here works in its own .venv, made on first use from the lock files. Each step of the
# set-up leaves a stamp in .venv, and is done again only when what it was made from has changed.

.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Passed on to the tool that a target runs: make test ARGS="-k reorg", make lock ARGS=--upgrade.
ARGS ?=
PORT ?= 3000

# Dagster keeps its history here; the settings are the repository's own file, linked.
demo dev: export DAGSTER_HOME := $(CURDIR)/.dagster_home
# Dagster's processes may have another current folder than this one.
demo dev: export CHAIN_ASSETS_LAKE ?= $(CURDIR)/lake
# As an activated .venv would set it; without it dg warns twice at every start.
dev: export VIRTUAL_ENV := $(CURDIR)/$(VENV)

# Spark starts the Java of JAVA_HOME. Set in the recipe, since Java may be installed by then only.
with_java := JAVA_HOME="$$(scripts/java.sh)" && export JAVA_HOME &&

.PHONY: help demo dev test check format bench chaos lock clean java dagster-home

help: ## Show this list
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

demo: java dagster-home $(VENV)/.warm ## Fill a lake from an embedded devnet, through Dagster
	@$(with_java) $(BIN)/chain-assets demo $(ARGS)

dev: java dagster-home $(VENV)/.warm ## Open the Dagster UI on 127.0.0.1 (PORT=3000)
	@$(with_java) exec $(BIN)/dg dev --host 127.0.0.1 --port $(PORT) $(ARGS)

test: java $(VENV)/.test-tools $(VENV)/.warm ## Run the tests (ARGS="-k reorg" for some)
	@$(with_java) $(BIN)/pytest $(ARGS)

check: $(VENV)/.dev ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: java $(VENV)/.peers $(VENV)/.warm ## Run every benchmarks/bench_*.py, beside its peers
	@$(with_java) for file in $(wildcard benchmarks/bench_*.py); do \
		$(BIN)/python -m "benchmarks.$$(basename "$$file" .py)" $(ARGS) || exit 1; \
	done

chaos: $(VENV)/.dev $(VENV)/.warm ## Kill the pipeline 100 times and look at its tables (SEED=7)
	@$(BIN)/python -m chain_assets_tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

lock: $(BIN)/uv ## Write the lock files from pyproject.toml (ARGS=--upgrade for newer pins)
	$(compile) --group dev --output-file requirements-dev.lock $(ARGS) pyproject.toml
	$(compile) --group build --constraint requirements-dev.lock \
		--output-file requirements.lock pyproject.toml
	$(compile) --group build --constraint requirements-dev.lock \
		--output-file requirements-build.lock
	$(compile) --no-deps --output-file benchmarks/peers.lock benchmarks/peers.in

clean: ## Remove .venv and caches; lakes and Dagster's history stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# First in every list, so that a missing Java is told before minutes of downloads.
java:
	@scripts/java.sh >/dev/null

dagster-home:
	@mkdir -p .dagster_home && ln -sf ../dagster.yaml .dagster_home/dagster.yaml

# One version for every Python and platform (fewest), so that what was tested is what is installed.
# No address of an index is written: where packages come from is each machine's own setting.
compile = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

$(BIN)/uv:
	$(MAKE) $(VENV)/.dev

$(BIN)/python:
	@python="$$(scripts/python.sh)" && echo "Making $(VENV) with $$python" && \
		"$$python" -m venv --clear $(VENV)

# PySpark comes as source only. It is built with the locked setuptools, without build isolation,
# which would fetch whatever setuptools is newest that day.
$(VENV)/.packages: requirements-build.lock requirements.lock | $(BIN)/python
	@echo 'Installing packages (a few minutes the first time: Spark is large)'
	$(PIP) install --require-hashes -r requirements-build.lock
	$(PIP) install --require-hashes --no-build-isolation -r requirements.lock
	@touch $@

$(VENV)/.project: pyproject.toml setup.py $(VENV)/.packages
	$(PIP) --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

# Kernels are compiled for this machine's processor once, not by each worker's first block.
$(VENV)/.warm: $(wildcard chain_assets/core/*.py chain_assets/core/*/*.py chain_assets/core/*/*/*.py) $(VENV)/.project
	@$(BIN)/chain-assets warm-up
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.project
	$(PIP) install --require-hashes --no-build-isolation -r requirements-dev.lock
	@touch $@

# Without what they ask for: some pin packages of years ago that we have newer.
$(VENV)/.peers: benchmarks/peers.lock $(VENV)/.dev
	$(PIP) install --require-hashes --no-deps --no-build-isolation -r benchmarks/peers.lock
	@touch $@

# What the tests drive from outside Python: anvil, an EVM node from npm, a browser, PostgreSQL.
$(VENV)/.test-tools: $(VENV)/.dev
	$(BIN)/python -m chain_assets_tests.tools anvil
	@scripts/browser.sh
	@scripts/postgres.sh
	@touch $@
