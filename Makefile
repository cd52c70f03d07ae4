# Every target sets up what it needs: the virtual environment here, the programs in a cache outside the clone.
PYTHON ?= python3
STACK ?= lab
WORLD ?=
ACCOUNT ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := __main__.py components lab ops preflight providers settings tests

# The lab is rehearsed; any other stack is deployed by the released Pulumi CLI.
ifeq ($(STACK),lab)
RUN = $(BIN)/python -m lab $@ $(if $(WORLD),--world $(WORLD))
COMMAND = $(BIN)/python -m lab exec -- python -m ops.$(subst -,_,$@) {stack} $(ACCOUNT) $(ARGS)
else
RUN = $(BIN)/python -m ops.deploy $@ $(STACK)
COMMAND = $(BIN)/python -m ops.$(subst -,_,$@) $(STACK) $(ACCOUNT) $(ARGS)
endif

.DEFAULT_GOAL := help
.PHONY: help up preview down status icloud-login sync-now mark-disk chart-values verify test test-unit check format \
	schema troubleshooting lock clean

help: ## Say what each target does
	@echo 'make TARGET [STACK=lab|homelab|...] [ACCOUNT=...] [ARGS=...] [WORLD=found|iteration6|iteration6-argocd]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(READY) ## Deploy: to the embedded control plane, or with STACK=homelab for real
	@$(RUN)

preview: $(READY) ## Say what up would do
	@$(RUN)

down: $(READY) ## Remove the stack; of the rehearsal nothing is left but the cache and the virtual environment
	@$(RUN)

status: $(READY) ## Say what runs, and the outputs
	@$(RUN)

icloud-login: $(READY) ## Sign an account in at Apple, with the code that Apple sends
	@$(COMMAND)

sync-now: $(READY) ## Fetch an account's photos now, and show how it goes
	@$(COMMAND)

mark-disk: $(READY) ## Say that a directory is the photo disk; it shows what is there and asks
	@$(COMMAND)

chart-values: $(READY) ## Print the photos' mount as values of Immich's Helm chart, for immich.mount: chart
	@$(COMMAND)

verify: $(READY) ## Check all from the photo disk to the internet; ARGS=--json, --watch, --upload or --role
	@$(COMMAND)

test: $(READY) ## Unit tests, stack files, and the rehearsal on the real engine and API server
	@$(BIN)/python -m lab tools
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-unit: $(READY) ## Only the tests that start no process
	@$(BIN)/python -m pytest tests/unit

check: $(READY) ## Linters and types
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/shellcheck .ci/run $$(find $(SOURCES) -name '*.sh')

format: $(READY) ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

schema: $(READY) ## Write the stack files' JSON Schema anew, after a change of the settings
	@$(BIN)/python -m settings.schema

troubleshooting: $(READY) ## Write docs/troubleshooting.md anew, after a change of the checks
	@$(BIN)/python -m ops.troubleshooting

lock: $(READY) ## Resolve the dependencies anew, with hashes
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		-c requirements.txt pyproject.toml --group dev -o requirements-dev.txt

clean: ## Remove the virtual environment
	@rm -rf $(VENV)

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo 'error: $(PYTHON) is missing or not Python 3.11 to 3.13. Install one, then: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@echo 'Setting up $(VENV) (a minute, once)'
	@$(PYTHON) -m venv $(VENV) || { \
		echo 'error: no virtual environment could be made in $(VENV). On Debian: apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt || { \
		echo 'error: the packages of requirements-dev.txt could not be installed (pip says why above). Is the network there?' >&2; exit 1; }
	@touch $@
