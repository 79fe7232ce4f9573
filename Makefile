# Everything has one front door. `make` alone lists the targets.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WAREHOUSE := data/sobstat.duckdb

.DEFAULT_GOAL := help
.PHONY: help report test bench lab lock spark

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo "make report MONTH=2025-10 REGION=skane   one month, one region"

report: $(READY) ## from a fresh machine to a published edition (synthetic data if data/in is empty)
	@[ -n "$$(ls -A data/in 2>/dev/null)" ] || $(BIN)/sobstat demo --out data/in --arenden 30000
	@$(BIN)/sobstat load data/in --warehouse $(WAREHOUSE)
	@$(BIN)/sobstat publish --warehouse $(WAREHOUSE) --month $(or $(MONTH),latest) $(if $(REGION),--region "$(REGION)")

test: $(READY) .venv/.spark ## from a fresh machine to passed tests: lint, format, everything CI runs
	$(BIN)/ruff check lib tests notebooks
	$(BIN)/ruff format --check lib tests notebooks
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder  # they wait as much as they work

bench: .venv/.bench .venv/.spark ## how fast it is, side by side with other ways, into tests/bench/results.md (WHOLE=1: at full scale)
	cd tests && ../$(BIN)/python -m bench $(ITEMS) $(if $(WHOLE),--whole)

lab: $(READY) $(WAREHOUSE) ## JupyterLab on a guide to the notebooks, warehouse attached
	cd notebooks && ../$(BIN)/jupyter lab guide.ipynb

spark: .venv/.spark ## what the engine spark needs besides Java 17 or later

.venv/.%: requirements-%.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(WAREHOUSE): | $(READY)
	@[ -n "$$(ls -A data/in 2>/dev/null)" ] || $(BIN)/sobstat demo --out data/in --arenden 30000
	@$(BIN)/sobstat load data/in --warehouse $(WAREHOUSE)

lock: $(READY) ## pin the newest versions that fit pyproject.toml in the lock files
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
		--no-header --upgrade --output-file requirements.lock
	for extra in spark bench; do $(BIN)/uv pip compile pyproject.toml --extra $$extra --universal --generate-hashes \
		--python-version 3.11 --no-header --upgrade --constraint requirements.lock \
		--output-file requirements-$$extra.lock || exit 1; done
	echo setuptools | $(BIN)/uv pip compile pyproject.toml - --universal --generate-hashes --python-version 3.11 \
		--no-header --upgrade --constraint requirements.lock --output-file requirements-run.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: name one with make PYTHON=python3.12." >&2; exit 2; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv || \
		{ echo "Python cannot make a virtual environment; on Debian: apt install python3-venv." >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)
