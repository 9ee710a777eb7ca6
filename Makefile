# What one can do here. `make` alone prints it.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench clean

help:  ## Print this.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## Make the environment: Python packages and browser assets.
	@$(BIN)/python assets/build.py
	@$(BIN)/python -m compileall -q hospes

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Hospes needs Python 3.11 or newer. Set PYTHON=… to yours."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

run: install  ## Serve on port 8000, with a database and a demo workspace of its own.
	@HOSPES_ALLOW_LOOPBACK_WEBHOOKS=1 HOSPES_DEV_OUTBOX=1 $(BIN)/hospes serve --demo

test: install  ## Run all tests.
	@$(BIN)/python -m pytest -n auto

lint: install  ## Format check, lint, types, arrows, migrations.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/squawk hospes/migrations/*.sql

format: install  ## Format the code, and mend what the linter can.
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: install  ## Measure, against a bare function that does the same.
	@$(BIN)/python -m bench

clean:  ## Remove the environment and everything built.
	@rm -rf $(VENV) hospes/web/assets assets/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
