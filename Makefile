# SPDX-License-Identifier: Apache-2.0
# Everything a newcomer needs: "make demo" and "make test" do their own set-up.

# The distribution's own Python: it is built with optimizations, and starts a guest faster.
PYTHON ?= /usr/bin/python3
BIN := .venv/bin
export PYTHON

.PHONY: demo test quick lint bench-test benchmarks set-up-demo set-up-test clean

demo: set-up-demo
	$(BIN)/passthru bench demo

test: set-up-test lint quick bench-test

quick: set-up-test
	$(BIN)/pytest -q -m "not bench"

bench-test: set-up-test
	$(BIN)/pytest -m bench

lint: set-up-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmarks: set-up-test
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/exits.py

set-up-demo:
	@scripts/set-up demo

set-up-test:
	@scripts/set-up test

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
