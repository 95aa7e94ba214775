# Two commands for a newcomer: `make demo` and `make test`. They say or install what is missing.

CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/metria
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV := $(CACHE)/venv
BENCH_VENV := $(CACHE)/bench-venv
S3S_FS := 0.14.1
PYTHON := $(VENV)/bin/python
export METRIA_BIN ?= $(CARGO_TARGET_DIR)/debug/metria

.PHONY: help demo test test-adult check test-data bench tidy deny fmt setup-demo setup-test setup-s3

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: setup-demo ## Build, then train, validate, register and serve a model on real data (KEEP=1: leave the server on)
	cargo build --profile demo -p metria-app
	$(CARGO_TARGET_DIR)/demo/metria demo $(if $(KEEP),--keep)

test: setup-test setup-s3 test-data $(CACHE)/mlflow-2/.ready $(CACHE)/mlflow-3/.ready ## Run every test but that on UCI Adult: a private PostgreSQL and S3 server, Chromium on the pages, MLflow's clients and server
	scripts/with-postgres scripts/with-s3 cargo test --workspace
	$(PYTHON) -m pytest --quiet tests/browser
	for client in 2 3; do for store in sqlite postgres; do \
		scripts/with-postgres scripts/with-s3 $(CACHE)/mlflow-$$client/bin/python -m pytest --quiet -W ignore --store $$store tests/compat/mlflow || exit 1; \
	done; done
	@echo "Not run: the golden case on UCI Adult, which this repository may not hold. Run it with: make test-adult METRIA_ADULT=folder"

test-adult: setup-test $(VENV)/.ready ## Run the test on UCI Adult: METRIA_ADULT=folder with adult_train.csv
	@test -f "$(METRIA_ADULT)/adult_train.csv" || { echo "METRIA_ADULT must name a folder that holds adult_train.csv (UCI Adult); got '$(METRIA_ADULT)'" >&2; exit 1; }
	METRIA_ADULT="$(METRIA_ADULT)" $(PYTHON) scripts/golden_datasets.py tests/data
	cargo test -p metria-learn --test adult

check: setup-demo ## Format, lints, documentation, warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo clippy -p metria-learn --test adult --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

tidy: ## Crate levels, imports, file sizes, links; licences and sources of the dependencies
	cargo xtask tidy
	cargo xtask licences

deny: ## The same lists with known vulnerabilities, where cargo-deny is installed
	@cargo deny --version >/dev/null 2>&1 || { echo "missing; please type:  cargo install cargo-deny --locked" >&2; exit 1; }
	cargo deny check

bench: setup-test $(BENCH_VENV)/.ready ## Measure beside the peers and write docs/BENCHMARKS.md (BENCH=--quick: smoke run)
	cargo build --release -p metria-app -p metria -p metria-learn -p metria-data -p metria-store-sql --bins \
		--example bench_forest --example bench_predict_row --example bench_http --example read_csv --example fill_runs
	$(BENCH_VENV)/bin/python bench/run.py --bin-dir $(CARGO_TARGET_DIR)/release $(BENCH)

fmt: ## Format the code
	cargo fmt --all

test-data: $(VENV)/.ready ## Write the datasets that the golden tests need
	@test -f tests/data/wine.csv || $(PYTHON) scripts/golden_datasets.py tests/data

$(VENV)/.ready: tests/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(CACHE)/mlflow-%/.ready: tests/compat/mlflow/requirements-%.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The S3 server of the tests (scripts/with-s3): Apache-2.0, of its own, in no dependency of ours.
$(CACHE)/s3/s3s-fs-$(S3S_FS): | setup-test
	cargo install --quiet --locked s3s-fs --version $(S3S_FS) --features binary --root $(CACHE)/s3
	touch $@

$(BENCH_VENV)/.ready: bench/requirements.txt
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	touch $@

setup-demo:
	@scripts/setup demo

setup-test:
	@scripts/setup test

setup-s3: $(CACHE)/s3/s3s-fs-$(S3S_FS)
