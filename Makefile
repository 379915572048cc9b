# Every command a person needs. Each does the set-up it depends on: python3 (3.11 or newer) and a
# package registry are enough on a fresh machine.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-full test nightly check fix serve bench bench-full lock

BIN := .venv/bin
READY := .venv/.ready

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## build .venv from requirements.lock (uv where it can be had, else pip)

$(READY): requirements.lock pyproject.toml tools/setup.sh
	bash tools/setup.sh
	@touch $@

demo: $(READY)  ## phantoms -> training -> grades -> report in runs/demo (minutes, no data needed)
	$(BIN)/python -m jobs.demo

demo-full: $(READY)  ## the same at full size (an hour, or two on slow cores; resumes where it was stopped)
	$(BIN)/python -m jobs.demo --recipe jobs/configs/demo_full.yaml

test: $(READY)  ## all tests but the nightly ones; LUMBAR_DATA=<folder> adds those on real images
	@bash tools/programs.sh
	$(BIN)/python -m pytest -m "not nightly" --durations=60 --durations-min=3

nightly: $(READY)  ## the tests that take minutes to hours
	@bash tools/programs.sh
	$(BIN)/python -m pytest -m nightly

check: $(READY)  ## format, lint, types, import rules; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fix: $(READY)  ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

serve: $(READY)  ## the page and the API on loopback, with the starter bundle
	$(BIN)/python -m serve

bench: $(READY)  ## ours against its yardstick, quick sizes; rows into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

bench-full: $(READY)  ## the same at full sizes, one after the other (hours)
	$(BIN)/python -m benchmarks --full

lock:  ## pin what pyproject.toml asks for; what is pinned already keeps its version
	uv pip compile pyproject.toml --extra dev --extra openvino --universal --python-version 3.11 --quiet \
	  --custom-compile-command "make lock" --output-file requirements.lock
