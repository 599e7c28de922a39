# Everything here sets itself up: Python 3.11 or newer, and for the system tests Java 17 and Maven.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SIDE_BY_SIDE := -n 2 --dist worksteal

.PHONY: help setup demo test chaos simulate mutants bench bench-statistics bench-quick test-fast check format kafka lock clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## the virtual environment, from the lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "streams needs Python 3.11 or newer; name it: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(READY) ## watch the job on real data: embedded broker, real worker, about a minute
	$(BIN)/streams demo

test: $(READY) ## all tests, two at a time; the system tests start a real Kafka
	$(BIN)/pytest $(SIDE_BY_SIDE)

chaos: $(READY) ## break everything there is on a real Kafka; writes the table of docs/reliability.md; about 25 minutes
	$(BIN)/python -m tests.chaos --write

simulate: $(READY) ## the whole job in one process under every fault, SEEDS runs of it (5000)
	$(BIN)/python -m tests.simulation --seeds 0:$(or $(SEEDS),5000)

mutants: $(READY) ## break each rule on purpose; the simulation finds it; writes the tables of docs/simulation.md
	$(BIN)/python -m tests.simulation.mutants --write

bench: $(READY) bench-statistics ## all figures of docs/performance.md anew, on a real Kafka; half an hour of a quiet machine
	$(BIN)/python -m benchmarks

bench-statistics: $(READY) ## how often detectors ring in vain, how often intervals hold: seeded, a quarter of an hour
	$(BIN)/python -m benchmarks.window_close
	$(BIN)/python -m benchmarks.interval_coverage
	$(BIN)/python -m benchmarks.group_gaps
	$(BIN)/python -m benchmarks.nowcast
	$(BIN)/python -m benchmarks.false_alarms
	$(BIN)/python -m benchmarks.gate_peeking
	$(BIN)/python -m benchmarks.false_pages
	$(BIN)/python -m benchmarks.label_rhythm

bench-quick: $(READY) ## the same, small: prints the tables and changes no document; about three minutes
	$(BIN)/python -m benchmarks --quick

test-fast: $(READY) ## all but the tests on a real Kafka and the simulation
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not system" --ignore tests/simulation

check: $(READY) ## lint, format, types, and the rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_tidy.py

format: $(READY) ## put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

kafka: $(READY) ## a real Kafka on localhost:9092 for use by hand, until Ctrl-C
	$(BIN)/python -m tests.support.real_kafka --port 9092

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --generate-hashes --universal --extra dev --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove what setup, tests and demo made
	rm -rf $(VENV) .kafka .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
