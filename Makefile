# The commands of the README. Everything is installed into .venv from constraints.txt.

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
PIP = PIP_CONSTRAINT=constraints.txt $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: serve test bench soak check pages deploy-check

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

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --minutes $(or $(SOAK_MINUTES),2)

check: $(VENV)/.serve
	@$(BIN)/cds-service check

deploy-check: $(VENV)/.test
	$(BIN)/pytest tests/test_deploy.py

pages: $(VENV)/.serve
	@$(BIN)/cds-service page
	@$(BIN)/python -m tests.attacks
	@for vendor in docs/connecting/*.md; do $(BIN)/cds-service connect $$(basename $$vendor .md) --into $$vendor; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.serve
	$(PIP) install --editable ".[test]"
	@touch $@
