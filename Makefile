# One vocabulary for people, hooks and CI. `make help` says what each word does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := infra validation feature_repo training serving monitoring orchestration tests

.DEFAULT_GOAL := help
.PHONY: help setup demo loop systems up test same lint format bench bench-serve bench-pit chaos prove score lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## only make the virtual environment, which every other word does at its first call
	@echo "$(VENV) is ready: $(BIN)/flywheel --help"

demo: $(READY) ## the whole loop once, on simulated events, with the story told (5 minutes on two quiet cores)
	@MALLOC_ARENA_MAX=2 $(BIN)/flywheel demo  # threads share what is free: 50 MiB less at the peak

loop: $(READY) ## seven simulated days, closed: drift, a bad release, the retrained one wins; writes docs/loop.md (nightly)
	@MALLOC_ARENA_MAX=2 $(BIN)/flywheel demo --closed-loop --docs docs

systems: $(READY) ## the stories of the other systems, one after the other (nightly; two or three minutes each)
	@$(BIN)/flywheel demo --system fraud
	@$(BIN)/flywheel demo --system eta

up: $(READY) ## Dagster, MLflow, Redis and the service, until Ctrl-C
	@$(BIN)/flywheel up

test: $(READY) ## every test
	@$(BIN)/pytest -n 2 --dist loadfile --junit-xml=.pytest_cache/report.xml

same: $(READY) ## whether a small world from events to 200 pages gives the figures it gave before (5 minutes on two busy cores)
	@$(BIN)/python -m tests.same_feed --against tests/same_feed/reference.json

lint: $(READY) ## style, types, and which floor may import which
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## put the code in order
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## how fast the parts are, as ratios within one run
	@$(BIN)/flywheel bench

bench-serve: $(READY) ## what the online path costs and bears, beside the obvious stack (about 8 minutes)
	@$(BIN)/python -m tests.bench.serve

bench-pit: $(READY) ## the as-of store against Feast's own offline stores; writes docs/point-in-time.md (about 30 minutes)
	@$(BIN)/python -m tests.bench.pit --duckdb

chaos: $(READY) ## every fault against the real service under load; writes docs/chaos.md (about 10 minutes)
	@$(BIN)/python -m tests.chaos

prove: $(READY) ## claims too long for `make test`, such as planted leaks; writes docs/truth.md (nightly)
	@$(BIN)/python -m tests.prove

score: $(READY) ## the ML Test Score, from what the last `make test` and `make prove` ran; writes docs/mltestscore.md
	@$(BIN)/python -m tests.mltestscore

lock: $(READY) ## resolve the dependencies anew: hashed and without addresses
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header -o requirements.lock -q
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header --no-dev --group production -o infra/code_location.lock -q
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header --only-group serving -o infra/service.lock -q

clean: ## forget all data, runs and releases (keeps the virtual environment)
	rm -rf .flywheel

$(READY): requirements.lock pyproject.toml
	@sh infra/setup.sh $(PYTHON) $(VENV)
