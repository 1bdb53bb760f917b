# The commands of the project. `make help` lists them; `make run` and `make test` set up all they need.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
EMULATOR := .venv-emulator
BIN := $(VENV)/bin
AWSCLI := .venv-awscli
SBOM := .venv-sbom
PEERS := .venv-peers
DATA ?= ../shared/data
SDK := tests/conformance/personalize/sdk
UNUSED := $(shell $(PYTHON) -c '' 2>/dev/null || echo missing)
ifeq ($(UNUSED),missing)
PYTHON := python3
endif
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export PYTHONDONTWRITEBYTECODE :=
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
# The environments are made side by side, and so are types and tests.
MAKEFLAGS += --jobs=2

# Runs a command of the project where its environment exists; without one there is nothing to stop.
with_python = if [ -x $(BIN)/python ]; then $(BIN)/python $(1); else echo "Nothing was set up yet."; fi

install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile

# Python's own words about what is too old for it are none; it is said before anything is made.
make_venv = test -x $(1)/bin/python || { \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1): install one," \
		"or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	$(PYTHON) -m venv $(1); }

.PHONY: help setup setup-local setup-deploy run up down status logs clean test pytest lint types lock sbom
.PHONY: bench-data bench-quality bench-scale
.PHONY: sdk-boto3 sdk-cli sdk-javascript sdk-cli-client sdk-javascript-client

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | column -t -s '|'

setup: $(VENV)/.done setup-local  ## Create the environments (once; again when a requirement changes)
setup-local: $(VENV)/.local $(EMULATOR)/.done setup-deploy
setup-deploy: $(VENV)/.deploy node_modules/.done build/layer/.done

# One environment in three layers: what deploying needs, what the local cloud needs on top, what developing needs on top.
$(VENV)/.deploy: requirements.txt
	@echo "== Python environment of the project (about a minute)"
	@$(call make_venv,$(VENV))
	@$(install) -r $<
	@touch $@

$(VENV)/.local: requirements-local.txt $(VENV)/.deploy
	@$(install) -r $<
	@touch $@

$(VENV)/.done: requirements-dev.txt $(VENV)/.local
	@$(install) -r $<
	@touch $@

$(EMULATOR)/.done: local_cloud/requirements.txt
	@echo "== Python environment of the emulator"
	@$(call make_venv,$(EMULATOR))
	@$(EMULATOR)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r local_cloud/requirements.txt
	@touch $@

node_modules/.done: package-lock.json $(VENV)/.deploy
	@echo "== CDK CLI and state machine validator"
	@npm ci --loglevel=error --no-update-notifier --no-fund --no-audit --ignore-scripts >/dev/null
	@touch $@

build/layer/.done: lambdas/requirements.txt $(VENV)/.deploy
	@echo "== Lambda layer (pure Python)"
	@rm -rf build/layer && mkdir -p build/layer/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile \
		--platform any --only-binary=:all: --implementation py --target build/layer/python -r lambdas/requirements.txt
	@rm -rf build/layer/python/bin
	@touch $@

$(AWSCLI)/.done: $(SDK)/cli/requirements.txt
	@echo "== Python environment of the AWS CLI"
	@$(call make_venv,$(AWSCLI))
	@$(AWSCLI)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r $<
	@touch $@

$(SDK)/javascript/node_modules/.done: $(SDK)/javascript/package-lock.json
	@echo "== AWS SDK for JavaScript"
	@cd $(SDK)/javascript && npm ci --loglevel=error --no-update-notifier --no-fund --no-audit --ignore-scripts >/dev/null
	@touch $@

$(PEERS)/.done: benchmarks/peers/requirements.txt
	@echo "== Python environment of the peers (JAX and implicit, 640 MB)"
	@$(call make_venv,$(PEERS))
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r $<
	@touch $@

$(SBOM)/.done: tools/sbom/requirements.txt
	@echo "== Python environment of the bill of materials"
	@$(call make_venv,$(SBOM))
	@$(SBOM)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r $<
	@touch $@

sbom: setup $(SBOM)/.done  ## Write the software bills of materials (CycloneDX) to out/sbom, and list all licences
	@mkdir -p out/sbom
	@$(SBOM)/bin/cyclonedx-py environment --output-reproducible --of JSON -o out/sbom/project.json $(BIN)/python
	@$(SBOM)/bin/cyclonedx-py environment --output-reproducible --of JSON -o out/sbom/emulator.json $(EMULATOR)/bin/python
	@$(SBOM)/bin/cyclonedx-py requirements --output-reproducible --of JSON -o out/sbom/layer.json lambdas/requirements.txt
	@npm sbom --package-lock-only --sbom-format cyclonedx > out/sbom/node.json
	@$(BIN)/python -m tools.licences

sdk-cli-client: $(AWSCLI)/.done
sdk-javascript-client: $(SDK)/javascript/node_modules/.done

sdk-boto3: $(VENV)/.done  ## Take the embedded Personalize from schema to recommendations to nothing with boto3
	@$(BIN)/python -m $(subst /,.,$(SDK)) boto3

sdk-cli: $(VENV)/.done sdk-cli-client  ## The same with the AWS CLI
	@$(BIN)/python -m $(subst /,.,$(SDK)) cli

sdk-javascript: $(VENV)/.done sdk-javascript-client  ## The same with the AWS SDK for JavaScript
	@$(BIN)/python -m $(subst /,.,$(SDK)) javascript

LOGS := $(DATA)/ml-latest-small/ratings.csv $(DATA)/ml-100k/u.data
PROTOCOL ?= leave-one-out

bench-data:
	@for log in $(LOGS); do test -f $$log || { echo "$$log is missing: get ml-latest-small and ml-100k from" \
		"https://grouplens.org/datasets/movielens/ and say DATA=folder (they may not be shipped with the project)"; exit 1; }; done

bench-quality: bench-data $(VENV)/.done $(PEERS)/.done  ## The engine against peers on MovieLens: DATA=folder, PROTOCOL=earlier-cut for a claim
	@$(BIN)/python -m benchmarks.quality --interactions $(LOGS) --protocol $(PROTOCOL) --peers --parts --seeds 3 --json out/quality.json \
		--plot out/quality.svg $(OPTIONS)
	@echo "Wrote out/quality.json and out/quality.svg"

bench-scale: $(VENV)/.done  ## Training and serving from 10^4 to 10^7 events and 10^3 to 10^6 items
	@$(BIN)/python -m benchmarks.scale --json out/scale.json --plot out/scale.svg $(OPTIONS)
	@echo "Wrote out/scale.json and out/scale.svg"

run: setup-local  ## See the whole product work on this computer: deploy, stream, train, recommend, report
	@$(BIN)/python -m tools.demo

up: setup-local  ## Start the local cloud, with what it knew when it was stopped
	@$(BIN)/python -m local_cloud up

down:  ## Stop the local cloud; its state stays
	@$(call with_python,-m local_cloud down)

status:  ## Say what runs and where
	@$(call with_python,-m local_cloud status)

logs:  ## Show the local cloud's logs
	@$(call with_python,-m local_cloud logs)

clean:  ## Stop the local cloud and forget all that it knew; remove what was made, but for the environments
	@$(call with_python,-m local_cloud clean)
	@rm -rf .local out cdk.out .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Whole files go to one worker, so that what their tests share is made once. (loadgroup would split them: pytest-xdist 3.8
# writes its groups where pytest 9.2 no longer reads them.) Files keep their order, so that the long ones come first and the
# many short ones of tests/unit fill both workers to the end. Two workers and what they start share two cores: threads of
# linear algebra would wait for one another (training the seed four times at once took 8.7 CPU seconds each, with one
# thread 5.2).
test: lint types pytest  ## Lint, types and every test, with branch coverage

pytest: setup sdk-cli-client sdk-javascript-client
	@mkdir -p .cache
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --cov --cov-branch --cov-report term:skip-covered \
		--cov-fail-under 90

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "ruff format would change files: run it"; exit 1; }

types: setup
	@$(BIN)/mypy app.py infra lambdas local_cloud personalize_local seed_data tools benchmarks tests

lock:  ## Resolve the pinned requirements again (needs uv)
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-local.in -o requirements-local.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate local_cloud/requirements.in -o local_cloud/requirements.txt
	uv pip compile -q --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-annotate --no-deps lambdas/requirements.in -o lambdas/requirements.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate $(SDK)/cli/requirements.in -o $(SDK)/cli/requirements.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate tools/sbom/requirements.in -o tools/sbom/requirements.txt
	uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate benchmarks/peers/requirements.in -o benchmarks/peers/requirements.txt
