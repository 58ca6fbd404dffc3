# Every target makes what it needs; `make demo` and `make test` work on a machine that has only Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope

.PHONY: demo test unit unit-optimized figures test-slow fuzz test-torch test-oldest test-libraries bench lint format types contracts docs clean

$(VENV)/.made: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.made-test: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: $(VENV)/.made  ## trains on real handwritten digits
	$(BIN)/addax demo

test: lint types contracts figures docs unit unit-optimized  ## all that must hold: what CI runs

unit: $(VENV)/.made-test
	$(PYTEST) -m 'not slow and not torch'

unit-optimized: $(VENV)/.made-test  ## a tenth of the tests once more, compiled as for users: tests/xla.py
	ADDAX_TEST_XLA=users $(PYTEST) -m 'not slow and not torch'

test-slow: $(VENV)/.made-test  ## the long tests
	$(PYTEST) -m slow

fuzz: $(VENV)/.made-test  ## changes files at random and reads them, SECONDS of it (600)
	$(BIN)/python -m tests.saving.fuzzing --seconds $(or $(SECONDS),600)

test-torch: $(VENV)/.made-test  ## needs torch: `pip install torch` in the environment
	$(BIN)/python -m pytest -m torch

$(VENV)-oldest/.made: pyproject.toml tools/oldest.py
	test -x $(VENV)-oldest/bin/python || $(PYTHON) -m venv $(VENV)-oldest
	$(PYTHON) tools/oldest.py > $(VENV)-oldest/oldest.txt
	$(VENV)-oldest/bin/python -m pip install --quiet --constraint $(VENV)-oldest/oldest.txt --editable '.[test]'
	touch $@

OLDEST_TESTS ?= tests
test-oldest: $(VENV)-oldest/.made  ## with the oldest JAX and NumPy that pyproject.toml allows, in an environment of its own
	$(VENV)-oldest/bin/python -m pytest -n $(WORKERS) --dist loadscope -m 'not slow and not torch' $(OLDEST_TESTS)

LIBRARIES := tests/libraries
$(VENV)-libraries/.made: pyproject.toml $(LIBRARIES)/requirements.txt $(LIBRARIES)/requirements-alone.txt
	test -x $(VENV)-libraries/bin/python || $(PYTHON) -m venv $(VENV)-libraries
	$(VENV)-libraries/bin/python -m pip install --quiet --editable '.[export]' pytest -r $(LIBRARIES)/requirements.txt
	$(VENV)-libraries/bin/python -m pip install --quiet --no-deps -r $(LIBRARIES)/requirements-alone.txt
	$(VENV)-libraries/bin/python -m pip install --quiet --target $(VENV)-libraries/tensorflow tensorflow
	touch $@

test-libraries: $(VENV)-libraries/.made  ## libraries on top of Keras, in an environment of its own; writes docs/LIBRARIES.md
	ADDAX_TEST_TENSORFLOW=$(CURDIR)/$(VENV)-libraries/tensorflow $(VENV)-libraries/bin/python -m $(subst /,.,$(LIBRARIES)) --write

bench: $(VENV)/.made  ## addax beside Keras, hand-written JAX and PyTorch; QUICK=1: a part, in a few minutes
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

lint: $(VENV)/.made-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.made-test  ## of the code, and as users' checkers see them
	$(BIN)/mypy
	$(BIN)/python -m tests.typed

contracts: $(VENV)/.made-test  ## imports run one way only
	$(BIN)/lint-imports

$(VENV)/.made-docs: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

docs: $(VENV)/.made-docs  ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

figures:  ## of the code: cycles, long functions, and the like
	$(PYTHON) tools/figures.py --check

format: $(VENV)/.made-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-libraries site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
