# Needs Python 3.11+ and nothing else, except where a target says so.
.DEFAULT_GOAL := help

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
PROFILE ?= $(or $(SARCOMA_CDS_PROFILE),development)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
UV := .cache/uv/bin/uv
UV_VERSION := 0.13.8
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'
	@echo 'Variables: HOST, PORT, PROFILE (run), ARGS (test), PYTHON (the Python 3.11+ to use)'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@ $(RUNTIME)

.PHONY: run
run: $(RUNTIME) ## Install what is needed and serve on HOST:PORT (127.0.0.1:8000), never for patients
	@# Calls that read the sample patients at /demo/fhir wait for threads of this same server.
	SARCOMA_CDS_PROFILE=$(PROFILE) WEB_THREADS=$${WEB_THREADS:-16} $(BIN)/sarcoma-cds serve --host $(HOST) --port $(PORT)

.PHONY: test
test: $(DEV) ## Install what is needed and run the tests
	$(BIN)/python -m pytest $(ARGS)

.PHONY: postgres-test
postgres-test: $(DEV) ## Run the tests of the database on a PostgreSQL of their own (installs Debian's when root)
	tests/store/with_postgres $(BIN)/python -m pytest tests/store tests/feedback tests/trust/test_over_http.py $(ARGS) || [ $$? -eq 77 ] # says so

.PHONY: lint
lint: $(DEV) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: content
content: $(RUNTIME) ## Compile plandefinitions/cql into plandefinitions/library (JDK 17+ and Maven)
	$(BIN)/sarcoma-cds content build

.PHONY: content-check
content-check: $(RUNTIME) ## Fail when the libraries are out of step with their CQL (JDK 17+ and Maven)
	$(BIN)/sarcoma-cds content build --check

.PHONY: cql-conformance
cql-conformance: $(DEV) ## Run HL7's CQL tests from ../shared/cql-tests (JDK 17+ and Maven)
	$(BIN)/python -m tests.conformance $(ARGS)

.PHONY: laws
laws: $(DEV) ## Hold the guideline to its closure on a thousand patients (ARGS="PATIENTS SEED" for others)
	$(BIN)/python -m tests.laws $(ARGS)

.PHONY: interop
interop: $(DEV) ## Compare with HAPI's clinical reasoning, case by case (JDK 17+ and Maven)
	$(BIN)/python -m tests.interop.parity $(ARGS)

.PHONY: interop-validate
interop-validate: $(DEV) ## All our FHIR to HAPI's validator (JDK 17+ and Maven)
	$(BIN)/python -m tests.interop.validity $(ARGS)

.PHONY: interop-server
interop-server: $(DEV) ## Bring the content to HAPI's server, and apply it there (JDK 17+ and Maven)
	$(BIN)/python -m tests.interop.importing $(ARGS)

.PHONY: docs
docs: $(DEV) ## Write the pages of docs/ that come from settings, guideline and cases
	$(BIN)/python -m service.settings > docs/reference/settings.md
	$(BIN)/python -m tests.reference --write
	$(BIN)/python -m tests.traceability --write

REFERENCE := tests/differential/node_modules

$(REFERENCE)/.package-lock.json: tests/differential/package-lock.json
	cd tests/differential && npm ci --silent
	@touch $@

.PHONY: differential
differential: $(DEV) $(REFERENCE)/.package-lock.json ## Compare with another CQL engine (Node 20+, JDK 17+, Maven)
	$(BIN)/python -m tests.differential $(ARGS)

.PHONY: bench
bench: $(DEV) $(REFERENCE)/.package-lock.json ## Measure the service's speed (Node 20+ for the comparison)
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: soak
soak: $(DEV) ## Call the service with 500 clients for a minute, then 10,000 times, and look at every answer
	$(BIN)/python -m tests.soak $(ARGS)

$(UV):
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: lock
lock: | $(UV) ## Pin every dependency anew, with hashes (ARGS=--upgrade for the newest)
	$(LOCK) pyproject.toml --group build --output-file requirements.lock $(ARGS)
	$(LOCK) pyproject.toml --group build --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock $(ARGS)

.PHONY: clean
clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	rm -rf plandefinitions/authoring/target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
