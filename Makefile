# make demo: predict the speech in examples/ with the bundled default. make test: install everything, run all tests.
# make quick: what a change is most likely to break, in a minute; ROOMS="predict cli" chooses (see tools/quick.py).
# All set everything up by themselves in .venv; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test quick lint benchmarks browser docs release-check clean

demo: $(VENV)/.runtime
	$(VENV)/bin/emotone predict examples
	@echo
	@echo "over time (windows of 3 s, every second):"
	$(VENV)/bin/emotone predict examples --window 3 --hop 1

test: $(VENV)/.dev lint browser
	$(VENV)/bin/python -m pytest -n 3 --dist loadfile

quick: $(VENV)/.dev lint
	$(VENV)/bin/python tools/quick.py

# Tests of pages drive Chromium. Where it cannot be installed they are skipped by name; with CI=true they fail.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { command -v apt-get >/dev/null && \
	  { test "$$(id -u)" = 0 && sudo= || sudo="sudo -n"; $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  $$sudo apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; }; } || \
	  echo "chromium and chromedriver are not there and cannot be installed: the tests of pages need them"

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The documentation as a site, in site/: open site/index.html. Dead links and warnings are errors.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

# Source archive and wheel: contents, metadata, types, and fresh environments of each of PYTHONS that is there.
PYTHONS ?= $(VENV)/bin/python $(shell for p in python3.12 python3.13 python3.14; do $$p -c "" 2>/dev/null && command -v $$p; done)
EXTRAS ?= av,parquet,archive,serve
release-check: $(VENV)/bin/python
	$(PIP) build twine
	$(VENV)/bin/python tools/check_release.py --extras $(EXTRAS) $(PYTHONS)

benchmarks: $(VENV)/.dev
	for file in benchmarks/bench_*.py; do echo "== $$file"; $(VENV)/bin/python $$file || exit 1; done

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Emotone needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable .
	touch $@

# torch first and alone: a range that the constraint fixes must not make pip look at other builds.
$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable ".[dev]"
	touch $@ $(VENV)/.runtime

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable ".[train,docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
