# SPDX-License-Identifier: Apache-2.0
# Everything a newcomer needs: "make demo", "make demo-arm64" and "make test" do their own set-up.

# The distribution's own Python: it is built with optimizations, and starts a guest faster.
PYTHON ?= /usr/bin/python3
BIN := .venv/bin
export PYTHON

FUZZ_SECONDS ?= 60
# Tests at a time. Those of one file share a virtual host.
JOBS ?= 2

.PHONY: demo demo-arm64 test quick lint docs bench-test benchmarks fuzz soak clean
.PHONY: set-up-demo set-up-demo-arm64 set-up-test set-up-fuzz

demo: set-up-demo
	$(BIN)/passthru bench demo

demo-arm64: set-up-demo-arm64
	$(BIN)/passthru bench demo --board arm64-virt

test: set-up-test lint quick bench-test

quick: set-up-test
	$(BIN)/pytest -q -n $(JOBS) -m "not bench"

bench-test: set-up-test
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m bench

lint: set-up-test
	$(BIN)/ruff check . scripts/write-docs scripts/record-boards
	$(BIN)/ruff format --check . scripts/write-docs scripts/record-boards
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: set-up-test
	$(BIN)/python scripts/write-docs

benchmarks: set-up-test
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/startup_arm64.py
	$(BIN)/python benchmarks/exits.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/system.py
	$(BIN)/python benchmarks/interrupts.py

fuzz: set-up-fuzz
	$(BIN)/python fuzz/fuzz_reader.py -max_total_time=$(FUZZ_SECONDS)

soak: set-up-test
	$(BIN)/pytest -q soak

set-up-demo:
	@scripts/set-up demo

set-up-demo-arm64:
	@scripts/set-up demo-arm64

set-up-test:
	@scripts/set-up test

set-up-fuzz:
	@scripts/set-up fuzz

clean:
	rm -rf .venv .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
