# One vocabulary for people, hooks and CI. `make help` says what each word does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := validation feature_repo training serving monitoring orchestration tests

.DEFAULT_GOAL := help
.PHONY: help demo up test lint format bench bench-serve chaos lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## the whole loop once, on simulated events, with the story told (about 5 minutes)
	@MALLOC_ARENA_MAX=2 $(BIN)/flywheel demo  # threads share what is free: 50 MiB less at the peak

up: $(READY) ## Dagster, MLflow, Redis and the service, until Ctrl-C
	@$(BIN)/flywheel up

test: $(READY) ## every test
	@$(BIN)/pytest

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

chaos: $(READY) ## every fault against the real service under load; writes docs/chaos.md (about 10 minutes)
	@$(BIN)/python -m tests.chaos

lock: $(READY) ## resolve the dependencies anew: hashed and without addresses
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header -o requirements.lock -q
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header --no-dev --group production -o infra/code_location.lock -q
	@$(BIN)/uv export --frozen --no-emit-project --no-annotate --no-header --only-group serving -o infra/service.lock -q

clean: ## forget all data, runs and releases (keeps the virtual environment)
	rm -rf .flywheel

# The installer comes hashed from the same lock. Where it cannot reach a package index that only pip is set up for, pip does
# its work; --no-deps, because the lock is complete and pip cannot match extras (`gql[requests]`) against hashed names.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 12) else \
	  f"Python 3.11 or 3.12 is needed, this is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12 …")'
	@echo "Setting up $(VENV) from requirements.lock (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --require-hashes -r requirements.lock \
	  || $(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --editable . \
	  || $(BIN)/pip install -q --disable-pip-version-check --no-deps --editable .
	@touch $@
