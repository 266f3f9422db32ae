# `make demo` and `make test` are all that a new machine needs: Python 3.11 or newer with venv, and make.
# No system ffmpeg, no SSH client.

# Images for containers often say that Python is not to keep what it has compiled. Then each worker of the tests,
# and each program that a test starts, compiles everything anew: some 40 s of a run.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo wheel test test-rest test-all test-again check format faults soak fuzz bench bench-tui bench-replay bench-cluster bench-scale pictures lock clean

demo: $(VENV)/.installed
	$(BIN)/upsample demo

# dist/cosmos_upsample-….whl, which `pipx install` and `uv tool install` take.
wheel: $(VENV)/bin/python
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .

# The first tier, four at a time, since many tests wait: every room on real parts, in minutes. pyproject.toml says
# what the markers are.
SECOND_TIER := browser or campaign or containers or looks or random_keys or ray or servers or vllm
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal -m "not ($(SECOND_TIER))"

# What the first tier leaves out. Those of one server stay together, because they share it.
test-rest: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m "$(SECOND_TIER)"

# Both, one after the other.
test-all:
	$(MAKE) test
	$(MAKE) test-rest

# What failed in the tier that ran last, one at a time. The pictures of the tests that do not run are not unused.
test-again: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none --snapshot-warn-unused

# Formatting and lints, types, and the import rules of the three rooms.
check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 --package remote
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# Made-up input for everything that reads what others wrote; MINUTES=10 for each target, TARGETS="framing".
fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m fuzz $(TARGETS) --minutes $(or $(MINUTES),1)

# Throughput against a plain client, on a machine with nothing else to do; BENCH="--laps 3" and the like.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.throughput $(BENCH)

# Faults at random into the real program, with an oracle beside it; the evidence of a violation stays in
# build/faults. SEED chooses the same faults again; FAULTS="--only link --keep-going" and the like.
N ?= 1000
faults: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults --count $(N) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE)) $(FAULTS)

# One long batch with faults on: is everything right, and does memory stay flat?
JOBS ?= 20000
soak: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults --soak $(JOBS) $(if $(SEED),--seed $(SEED)) $(FAULTS)

# How quickly the app answers; BENCH="--specs 10000" and the like.
bench-tui: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.tui $(BENCH)

# How long a new app waits for one result on a box that has answered many jobs of others.
bench-replay: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.replay $(BENCH)

# How the engine `ray` scales with its replicas, against the same without Ray; BENCH="--simulated 64" and the like.
bench-cluster: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.cluster $(BENCH)

# What 100,000 text jobs cost, and whether the last cost more than the first: half an hour or more, or BENCH="--jobs 10000".
bench-scale: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.scale $(BENCH)

# The pictures of the app in docs/, from the examples.
pictures: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.pictures

# Resolve the newest versions that pyproject.toml admits and pin them.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet .
	build/lock/bin/python -m pip freeze --exclude cosmos-upsample > requirements.lock
	build/lock/bin/python -m pip install --quiet --upgrade pip
	build/lock/bin/python -m pip install --quiet --constraint requirements.lock --group dev
	build/lock/bin/python -m pip freeze --exclude cosmos-upsample > requirements-dev.lock

$(VENV)/.installed-fuzz: requirements-fuzz.lock $(VENV)/.installed-dev
	$(PIP) install --quiet --requirement requirements-fuzz.lock
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; choose one with make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --requirement requirements.lock
	$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --quiet --requirement requirements-dev.lock
	@touch $@
