# abduck: everything a developer types. `make help` lists the targets.
#
# Variables: PYTHON=python3.12 names the interpreter, CARGO_TARGET_DIR the build folder,
# BUNDLED=1 compiles DuckDB in instead of linking a prepared library (most of an hour), CASES=20000 sets the length of a soak,
# EVENTS=1000000 the length of the log of `bench-peers`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
CASES ?= 10000
EVENTS ?= 10000000
export PYTHON
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
export CARGO_TARGET_DIR := $(TARGET)
export CARGO_NET_RETRY := 5
# The extension is built as maturin builds it, so that it is built once and needs no Python library to link.
export PYO3_BUILD_EXTENSION_MODULE := 1
# A failing input is printed and becomes a fixed test; it is not left behind in a file that only one checkout has.
export PROPTEST_DISABLE_FAILURE_PERSISTENCE := 1
TOOLS := $(TARGET)/tools
VENV := $(TARGET)/venv
PEERS := $(TARGET)/peers
DENY_VERSION := 0.20.2

# The data generator brings Polars along; it is built and tested apart, so that nobody else waits for it.
CORE := -p abduck -p abduck-benches -p abduck-cli -p abduck-python
DATASETS := -p abduck-datasets
CARGO_FLAGS := --locked
ifeq ($(BUNDLED),1)
CORE_FEATURES := --features abduck/bundled
WITH_LIBRARY :=
else
CORE_FEATURES :=
WITH_LIBRARY := export DUCKDB_LIB_DIR="$$(.ci/duckdb-library)";
endif

.PHONY: help demo test bench build fmt format lint test-rust soak simulate test-doc doc test-datasets wheel test-python deny audit bench-peers \
	conformance sample setup install prerequisites clean

help: ## List the targets
	@awk -F ':.*## ' '/.PHONY: help demo test bench build fmt format lint[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build abduck and run its main job on the sample event log
	@.ci/prerequisites rust cc python
	$(WITH_LIBRARY) cargo build $(CARGO_FLAGS) -p abduck-cli $(CORE_FEATURES)
	$(TARGET)/debug/abduck demo

test: prerequisites fmt lint test-rust test-doc doc test-datasets test-python deny ## Run everything that tests the project
	@echo "all tests passed"

build: ## Build the command line
	$(WITH_LIBRARY) cargo build $(CARGO_FLAGS) -p abduck-cli $(CORE_FEATURES)

setup: prerequisites ## Prepare the DuckDB library, and print the variable that a plain cargo build needs
	@echo "export DUCKDB_LIB_DIR=$$(.ci/duckdb-library)"

install: prerequisites ## Install the command line into Cargo's bin directory
	$(WITH_LIBRARY) cargo install $(CARGO_FLAGS) --path cli --profile dev --force \
		$(if $(CORE_FEATURES),--features bundled)

prerequisites:
	@.ci/prerequisites rust cc python

fmt: ## Check the formatting of the Rust code
	cargo fmt --all --check

format: ## Format the code
	cargo fmt --all
	$(VENV)/bin/ruff format bindings

lint: ## Lint the Rust code
	$(WITH_LIBRARY) cargo clippy $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) $(DATASETS) --all-targets -- -D warnings

# A run of the tests is a statement about the code, not about the day: the same random inputs every time.
test-rust test-datasets: export PROPTEST_RNG_SEED := 20260302
test-rust: ## Run the Rust tests
	$(WITH_LIBRARY) if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES); \
	else cargo test $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --lib --bins --tests; fi

# PROPTEST_CASES overrides the number that a test asks for itself. A case of an integration test makes a lab on disk.
soak: ## Run the property tests with fresh random inputs, many cases
	$(WITH_LIBRARY) unset PROPTEST_RNG_SEED; \
		PROPTEST_CASES=$(CASES) cargo test $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --lib; \
		PROPTEST_CASES=$$(($(CASES) / 100 + 1)) cargo test $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --test it

simulate: ## Simulation studies: how often tests are wrong where the truth is known (minutes)
	$(WITH_LIBRARY) cargo test $(CARGO_FLAGS) -p abduck --test it simulations:: -- --ignored

test-doc: ## Run the examples in the Rust documentation
	$(WITH_LIBRARY) cargo test $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --doc

doc: ## Build the Rust documentation, warnings denied
	$(WITH_LIBRARY) RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --no-deps

test-datasets: ## Test the data generator
	cargo test $(CARGO_FLAGS) $(DATASETS)

bench: ## Measure, as ratios against peers in the same run
	$(WITH_LIBRARY) cargo bench $(CARGO_FLAGS) -p abduck-benches

$(PEERS)/ready: benches/peers/requirements.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
	touch $@

bench-peers: wheel $(PEERS)/ready ## Measure beside ClickHouse, DuckDB SQL and Polars, answers checked: make bench-peers EVENTS=1000000
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(TARGET)/wheels/abduck-*.whl
	$(PEERS)/bin/python benches/peers/run.py --events $(EVENTS) --cache $(TARGET)/peers-data --json $(TARGET)/peers.json

conformance: ## Run the conformance vectors of any folder: make conformance VECTORS=DIR
	$(WITH_LIBRARY) ABDUCK_VECTORS="$(abspath $(or $(VECTORS),engine/tests/vectors))" \
		cargo test --quiet $(CARGO_FLAGS) $(CORE) $(CORE_FEATURES) --test it -- --nocapture conformance::

$(VENV)/ready: bindings/requirements-test.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r bindings/requirements-test.txt
	touch $@

wheel: $(VENV)/ready ## Build the Python wheel and install it into the virtual environment of the build folder
	rm -f $(TARGET)/wheels/abduck-*.whl
	$(WITH_LIBRARY) $(VENV)/bin/maturin build --quiet --locked --profile dev --manifest-path bindings/Cargo.toml \
		$(if $(CORE_FEATURES),--features bundled) --auditwheel skip --interpreter $(VENV)/bin/python --out $(TARGET)/wheels
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(TARGET)/wheels/abduck-*.whl

test-python: wheel ## Test the Python package
	cd bindings && $(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	cd benches/peers && $(VENV)/bin/ruff check --config ../../bindings/pyproject.toml .
	cd benches/peers && $(VENV)/bin/ruff format --check --config ../../bindings/pyproject.toml .
	cd bindings && $(VENV)/bin/python -m pytest
	cd bindings && $(VENV)/bin/python -m mypy.stubtest abduck --mypy-config-file pyproject.toml

$(TOOLS)/bin/cargo-deny:
	@if command -v cargo-deny >/dev/null; then mkdir -p $(TOOLS)/bin && ln -sf "$$(command -v cargo-deny)" $@; \
	else cargo install --quiet --locked --debug --root $(TOOLS) cargo-deny --version $(DENY_VERSION); fi

deny: $(TOOLS)/bin/cargo-deny ## Check the licences and sources of the dependencies
	$(TOOLS)/bin/cargo-deny --locked check licenses bans sources

audit: $(TOOLS)/bin/cargo-deny ## Check the dependencies for known vulnerabilities (needs open internet)
	$(TOOLS)/bin/cargo-deny --locked check advisories

sample: ## Generate the sample event log anew
	cargo run $(CARGO_FLAGS) $(DATASETS) -- generate --events 200000 --seed 42 --start 2026-03-02 --days 28 \
		--zone Europe/Berlin --late-rows 0.01 --equal-timestamps 0.01 --test-accounts 0.01 \
		-o datasets/sample/shop.parquet

clean: ## Remove what the project has built, but keep the prepared DuckDB library
	cargo clean -p abduck -p abduck-cli -p abduck-python -p abduck-datasets
	rm -rf $(VENV) $(TARGET)/wheels
