# Every target sets itself up: a machine needs Python 3.11+ (with venv) and make.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak seeded check format bench screenshots reference font manual requirements clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.python requirements.txt requirements-build.txt pyproject.toml
	@echo "Setting up .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: .venv/.dev ## Bring .venv up to date

demo: .venv/.runtime ## Serve a simulated sales office, and print the address
	@$(BIN)/lossboard demo $(ARGS)

test: setup ## Run every test, PostgreSQL and a browser included
	@$(BIN)/python scripts/browser.py
	@$(BIN)/python scripts/programs.py
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

soak: setup ## Every experiment at its full length, then every seeded bug; writes RELIABILITY.json
	@$(BIN)/python scripts/programs.py
	@$(BIN)/python -m scripts.televisions
	LOSSBOARD_ANSWERS=all $(BIN)/python -m pytest -q tests/sync/test_answers.py tests/sync/test_histories.py
	$(BIN)/python -m pytest -q tests/deploy/upkeep.py tests/deploy/installed.py
	$(BIN)/python -m tests.soak $(ARGS)
	@$(MAKE) seeded

seeded: setup ## Put each seeded bug into a copy, and show that the suite goes red
	@$(BIN)/python scripts/browser.py
	@$(BIN)/python scripts/programs.py
	$(BIN)/python -m tests.seeded $(BUGS)

check: setup ## Lint, format, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Measure, and write docs/explanation/performance.md; every figure is a ratio within one run
	$(BIN)/python -m bench $(ARGS)

screenshots: setup ## Make docs/screenshots
	@$(BIN)/python scripts/browser.py
	$(BIN)/python -m scripts.screenshots

reference: setup ## Write docs/api.md and docs/reference/configuration*.md
	$(BIN)/python -m scripts.api_reference
	$(BIN)/python -m scripts.configuration_reference

font: setup ## Make the page's fonts
	@$(BIN)/python scripts/programs.py
	$(BIN)/python -m scripts.font

manual: setup ## Write the manual page
	$(BIN)/python -m scripts.manual

requirements: setup ## Pin the requirements again, for every platform and Python
	$(BIN)/python -m pip install --quiet uv
	for name in requirements requirements-build requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-header -o $$name.txt $$name.in || exit 1; done

clean: ## Remove what was set up
	rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
