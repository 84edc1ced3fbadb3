# Every target sets up what it needs from a bare checkout: Python 3.11+ and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 3# test workers: they wait for processes nearly as much as they compute

.DEFAULT_GOAL := help
.PHONY: help install demo test test-cluster lint types floors check bench lock clean

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

install: $(STAMP) ## the virtual environment with everything that is locked

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("syncd needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(STAMP)   ## edit a program in a Pod of the embedded cluster and watch it serve
	@$(BIN)/syncd demo

# Python compiles once, as it does for most people: without that the many short processes
# of the tests compile everything anew.
test test-cluster: export PYTHONDONTWRITEBYTECODE =

test: $(STAMP)   ## everything that needs no cluster
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

test-cluster: $(STAMP) ## end to end on the cluster of KUBECONFIG
	$(BIN)/pytest -m cluster --timeout 300

bench: $(STAMP)  ## save to served on the embedded cluster, into build/bench
	$(BIN)/syncd bench --embedded --iterations 4 --warmup 1 \
	    --json build/bench/bench.json --html build/bench/bench.html

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

floors: $(STAMP)
	$(BIN)/lint-imports

check: lint types floors test ## what CI runs before the cluster

lock:            ## refresh requirements.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --group dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
