# Everything a person types here. `make` alone lists it.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo $$python; break; }; done)
UV ?= uv
JOBS ?= 2
MINUTES ?= 30

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := remote service gpu modal ray runpod replicate lambda
TORCH := torch==2.13.0
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-torch demo test test-slow check format docs bench bench-engines bench-service bench-hostile bench-load bench-memory bench-soak calibrate lock clean

help:  ## this list
	@echo 'BlankLogo takes a burned-in mark out of a video and leaves everything else as it was.'
	@echo 'Start with `make demo`; it sets up what it needs.'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'After `make setup` the command is $(BIN)/blanklogo; try `$(BIN)/blanklogo remove --help`.'

setup: $(STAMP)  ## build .venv from the lock (needs Python 3.11 to 3.13, nothing else)

# Hashes are checked for everything that comes from outside; the project itself is then added with
# the build backend from the same lock, so that no second, unpinned download happens. The lock is
# whole, so nothing is resolved again: pip would ask for the newest of a package with an extra.
$(STAMP): requirements/dev.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo 'make setup: no Python 3.11, 3.12 or 3.13 with its venv module was found.' >&2; \
		echo 'On Debian or Ubuntu: apt install python3 python3-venv. Elsewhere: make setup PYTHON=/path/to/python3.11' >&2; \
		exit 1; fi
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup-torch: setup  ## add PyTorch, for networks as TorchScript and for training (TORCH=torch==2.13.0)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'

demo: setup  ## make a clip with a mark, remove the mark, score the result, print the picture's path
	$(BIN)/blanklogo demo

test: setup  ## the test suite, minutes (JOBS=2 processes)
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-slow: setup  ## the long matrices that `make test` leaves out
	$(BIN)/python -m pytest -n $(JOBS) -m slow

check: setup  ## lint, format and types, changing nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: setup  ## put imports and layout in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: setup  ## write the help texts in docs/command-line.md anew
	$(BIN)/python docs/refresh.py

bench: setup  ## quality and speed against FFmpeg's delogo and OpenCV; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

bench-engines: setup  ## cold start, overhead and gain of the pool; writes benchmarks/ENGINES.md
	$(BIN)/python -m benchmarks.engines

bench-service: setup  ## kill the service and cancel its jobs; POSTGRESQL, POSTGRESQL2: two empty databases, for the whole page
	$(BIN)/python -m benchmarks.service_kills $(POSTGRESQL:%=--postgresql %)
	$(BIN)/python -m benchmarks.service_cancel $(POSTGRESQL2:%=--postgresql %)

bench-hostile: setup  ## three hundred hostile files sent to the service; writes into benchmarks/SERVICE.md
	$(BIN)/python -m benchmarks.hostile

bench-load: setup  ## how soon the API answers while a thousand jobs wait; writes into benchmarks/SERVICE.md
	$(BIN)/python -m benchmarks.service_load

bench-memory: setup  ## what the service holds while 500 MB come, by each way; writes into benchmarks/SERVICE.md
	$(BIN)/python -m benchmarks.service_memory

bench-soak: setup  ## the service at capacity for MINUTES=30, looking for what leaks; writes into benchmarks/SERVICE.md
	$(BIN)/python -m benchmarks.service_soak --minutes $(MINUTES)

calibrate: setup  ## how fast a removal is on this machine; writes the table that `blanklogo estimate` reads
	$(BIN)/python -m benchmarks.calibrate

lock:  ## resolve requirements/*.lock anew from pyproject.toml (needs uv; UV=/path/to/uv)
	$(UV) pip compile pyproject.toml $(LOCK_FLAGS) --upgrade -o requirements/runtime.lock > /dev/null
	$(UV) pip compile pyproject.toml $(LOCK_FLAGS) --upgrade $(EXTRAS:%=--extra %) --group dev --group training \
		--constraint requirements/runtime.lock \
		-o requirements/dev.lock > /dev/null
	$(UV) pip compile pyproject.toml $(LOCK_FLAGS) --extra service --extra modal \
		--constraint requirements/dev.lock -o requirements/service.lock > /dev/null
	sed -n '/^\[build-system\]/,/^$$/s/.*requires = \["\(.*\)"\]/\1/p' pyproject.toml | \
		$(UV) pip compile - $(LOCK_FLAGS) --constraint requirements/dev.lock -o requirements/build.lock > /dev/null

clean:  ## remove what was built here: .venv, caches, the demo's and the benchmark's output
	rm -rf $(VENV) build dist demo benchmarks/out .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
