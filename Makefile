# Every target makes the environment it needs in .venv; Python >= 3.11, pip and make are all that has to be there.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
RUN := $(VENV)/bin/python
# One BLAS thread per process: the suite runs in several processes, and small matrices lose time to more threads.
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test test-peers nightly bench docs lint clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed-learn  ## real work in under a minute: a worked example, digits, regression, derivations
	@$(THREADS) $(RUN) examples/demo.py

test: $(VENV)/installed-test $(VENV)/katex/installed  ## the whole test suite
	$(THREADS) $(RUN) -m pytest -n $(WORKERS)

test-peers: $(VENV)/installed-peers  ## other packages' tests and values (installs PyTorch, JAX, autograd, MyGrad)
	$(THREADS) $(RUN) -m pytest tests/peers

nightly: $(VENV)/installed-test  ## random programs by the ten thousand
	$(THREADS) CHAINRULE_HYPOTHESIS_PROFILE=nightly $(RUN) -m pytest -m nightly

bench: $(VENV)/installed-bench  ## time training steps against the peers; writes docs/benchmarks.md
	$(RUN) -m benchmarks

docs: $(VENV)/installed-docs  ## the documentation, into site/
	$(RUN) docs/generate.py
	NO_MKDOCS_2_WARNING=true $(RUN) -m mkdocs build --strict
	@echo "The documentation is in site/index.html"

lint: $(VENV)/installed-lint  ## ruff and pyright
	$(RUN) -m ruff check src tests examples benchmarks docs
	$(RUN) -m ruff format --check src tests examples benchmarks docs
	$(RUN) -m pyright

clean:  ## remove what the targets above made
	rm -rf $(VENV) out site build dist

# Debian ships Python without ensurepip; there the environment is made bare and the outer pip fills it.
$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "chainrule needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
		          "name another one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making the environment in $(VENV) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		     && $(PYTHON) -m pip --quiet --python $(RUN) install pip; }
	@touch $@

# KaTeX reads every formula that the tests print as LaTeX; without npm those tests say that they are skipped.
$(VENV)/katex/installed: tests/katex/package.json | $(VENV)/created
	@mkdir -p $(VENV)/katex
	@if command -v npm >/dev/null; then \
		cp tests/katex/package.json $(VENV)/katex/; \
		if npm install --silent --no-audit --no-fund --prefix $(VENV)/katex; then touch $@; \
		else echo "npm could not install KaTeX: the tests that read formulas with it will be skipped."; fi; \
	else echo "npm is not here: the tests that read formulas with KaTeX will be skipped."; fi

$(VENV)/installed-%: pyproject.toml | $(VENV)/created
	@echo "Installing chainrule with the packages of its '$*' extra (once, and after a change of pyproject.toml) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@
