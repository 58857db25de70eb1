# The commands of the README. Everything is installed into .venv: what the service runs with by constraints.txt, what
# builds it by constraints-build.txt, what its tests need besides by constraints-test.txt; nothing without its hash.

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
HASHED = $(PIP) install --require-hashes --requirement
NEEDS := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
OLD = sys.version_info < tuple(map(int, "$(NEEDS)".split(".")))

# A .venv without Python or pip, of too old a Python, or left behind by an install that was cut off is made anew.
INSTALLING = $(VENV)/.installing
SOUND := $(shell $(BIN)/python -c 'import sys, pip._internal.cli.main; sys.exit($(OLD))' 2>/dev/null \
	&& { [ ! -e $(INSTALLING) ] || kill -0 $$(cat $(INSTALLING)) 2>/dev/null; } && echo yes \
	|| rm -f $(VENV)/.serve $(VENV)/.test)

.PHONY: serve test bench bench-replay soak check pages deploy-check pictures pins audit sbom anew

serve: $(VENV)/.serve
	@$(BIN)/cds-service serve

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/cds-service page --check
	$(BIN)/pytest -n auto --dist worksteal

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench $(if $(GROUP),--group $(GROUP)) $(if $(QUICK),--quick)

bench-replay: $(VENV)/.test
	$(BIN)/python -m tests.bench --group replay $(if $(QUICK),--quick)

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --minutes $(or $(SOAK_MINUTES),2)

check: $(VENV)/.serve
	@$(BIN)/cds-service check

deploy-check: $(VENV)/.test
	$(BIN)/pytest tests/test_deploy.py

pictures: $(VENV)/.test
	PICTURES=yes $(BIN)/pytest tests/browser/test_pictures.py

pages: $(VENV)/.serve
	@$(BIN)/cds-service page
	@$(BIN)/python -m tests.attacks
	@for vendor in docs/connecting/*.md; do $(BIN)/cds-service connect $$(basename $$vendor .md) --into $$vendor; done

pins:
	@PYTHON=$(PYTHON) .ci/pins

audit:
	@PYTHON=$(PYTHON) .ci/audit

sbom: $(VENV)/.serve
	@$(BIN)/cds-service sbom

$(VENV)/bin/python: $(if $(SOUND),,anew)
	@command -v $(PYTHON) >/dev/null || { echo "cds-service needs Python $(NEEDS) or newer: there is no $(PYTHON)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("cds-service needs Python $(NEEDS) or newer; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python$(NEEDS)" if $(OLD) else 0)'
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.serve: $(VENV)/bin/python pyproject.toml constraints.txt constraints-build.txt
	@echo $$PPID > $(INSTALLING)
	$(HASHED) constraints.txt --requirement constraints-build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@rm $(INSTALLING) && touch $@

$(VENV)/.test: $(VENV)/.serve constraints-test.txt
	@echo $$PPID > $(INSTALLING)
	$(HASHED) constraints.txt --requirement constraints-build.txt --requirement constraints-test.txt
	@rm $(INSTALLING) && touch $@
