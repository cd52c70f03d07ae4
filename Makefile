# Every target sets up what it needs: the virtual environment here, the programs in a cache outside the clone.
PYTHON ?= python3
STACK ?= lab
WORLD ?=
ACCOUNT ?=
BASE ?= main
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r
SOURCES := __main__.py bench clients components engine lab observe ops preflight providers review settings tests text

ifeq ($(strip $(STACK)),)
$(error STACK is empty. Name a stack, such as STACK=home, or leave STACK out for the rehearsal)
endif

# These are rehearsed, and WORLD says which where no STACK is given; any other is deployed by the released Pulumi CLI.
REHEARSED := lab adoption reference gateway
ifneq ($(filter $(REHEARSED),$(STACK)),)
LAB = $(BIN)/python -m lab $(if $(filter file default undefined,$(origin STACK)),,--stack $(STACK))
RUN = $(LAB) $@ $(if $(WORLD),--world $(WORLD)) $(ARGS)
STATUS = $(RUN)
COMMAND = $(LAB) exec -- python -m ops.$(subst -,_,$@) {stack} $(ACCOUNT) $(ARGS)
else
ifneq ($(WORLD),)
$(error WORLD is for the rehearsal, and STACK=$(STACK) is not rehearsed. Leave one of them out)
endif
RUN = $(BIN)/python -m ops.deploy $@ $(STACK) $(ARGS)
STATUS = $(COMMAND)
COMMAND = $(BIN)/python -m ops.$(subst -,_,$@) $(STACK) $(ACCOUNT) $(ARGS)
endif

# Some containers set it: then each of the many processes of a run compiles all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help new up preview down status review icloud-login icloud-list sync-now notify-test mark-disk chart-values verify diagram \
	bench bench-clients test test-alerts test-kind test-node test-routes test-unit soak soak-photos check types lint audit format schema messages troubleshooting \
	pictures lock clean

# What follows a semicolon is about the arguments, and gets a line of its own: 80 columns.
help: ## List the targets
	@echo 'make TARGET [STACK=...] [ACCOUNT=...] [ARGS=...]'
	@echo 'Without STACK it is the rehearsal, of WORLD=found, iteration6, iteration6-argocd,'
	@echo 'reference or gateway. Options are given in ARGS, such as ARGS=--json.'
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {gsub("; ", "\n                    ", $$2); printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ A homelab, or the rehearsal
new: $(READY) ## Write a stack file from six questions, then preview it
	@$(BIN)/python -m ops.new $(if $(filter file default undefined,$(origin STACK)),,$(STACK))

up: $(READY) ## Deploy the stack; without STACK, rehearse it
	@$(RUN)

preview: $(READY) ## Show what up would change, and fail where it would fail
	@$(RUN)

down: $(READY) ## Remove the stack, or all of the rehearsal
	@$(RUN)

status: $(READY) ## Show state, time of deployment, drift, and outputs
	@$(STATUS)

# Rehearsed is what is deployed for real, unless another stack is named.
review: STACK := $(if $(filter file default undefined,$(origin STACK)),homelab,$(STACK))
review: $(READY) ## Rehearse the changes since BASE (default: main)
	@$(BIN)/python -m review rehearse $(STACK) $(BASE) $(ARGS)

icloud-login: $(READY) ## Sign an account in to iCloud, with the code that Apple sends
	@$(COMMAND)

icloud-list: $(READY) ## List an account's libraries and albums at Apple
	@$(COMMAND)

sync-now: $(READY) ## Fetch an account's photos now, and follow the log
	@$(COMMAND)

notify-test: $(READY) ## Send a test to notifications.urls, from the cluster
	@$(COMMAND)

mark-disk: $(READY) ## Confirm a directory as the photo disk
	@$(COMMAND)

chart-values: $(READY) ## Print the photos' mount as values of Immich's chart; --form=helmrelease (Flux), --form=application (ArgoCD)
	@$(COMMAND)

verify: $(READY) ## Check everything from the photo disk to the internet; --json, --watch, --upload, --role, --role=up
	@$(COMMAND)

diagram: $(READY) ## Draw the stack as Mermaid; --svg, --verify FILE
	@$(COMMAND)

##@ This project
# Twice as many as two cores: each waits for controllers and rollouts nearly half of its time.
test: $(READY) ## Run all tests, with the rehearsal on the real engine
	@$(BIN)/python -m lab tools
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

test-node: $(READY) ## Run pods on a real kubelet, as root on Linux; --all includes the long tests
	@$(BIN)/python -m lab.real_node --build
	@$(BIN)/python -m lab tools
	@$(BIN)/python -m pytest --real-node tests/real_node $(if $(filter --all,$(ARGS)),tests/lab/test_node.py,-m 'not long')

# In a kubeconfig of its own, so that no other cluster is meant. The node's files are root's.
KIND := --name immich-icloud --kubeconfig $(VENV)/kind.kubeconfig
test-kind: $(READY) ## Run pods on kind with the published images: Docker, sudo
	@$(BIN)/python -m lab.tool kind create cluster $(KIND) --wait 120s
	@status=0; $(if $(filter 0,$(shell id -u)),,sudo --preserve-env) $(BIN)/python -m pytest -p no:cacheprovider \
		--kind $(VENV)/kind.kubeconfig $(addprefix tests/real_node/test_,directory.py startup_check.py levels.py) || status=$$?; \
		$(BIN)/python -m lab.tool kind delete cluster $(KIND); exit $$status

test-alerts: $(READY) ## Evaluate the alerts of monitoring with the real promtool
	@$(BIN)/python -m pytest --promtool tests/promtool

test-routes: $(READY) ## Send requests for the host through a real Traefik
	@$(BIN)/python -m lab tools
	@$(BIN)/python -m pytest --traefik tests/traefik

test-unit: $(READY) ## Run the tests that start no process
	@$(BIN)/python -m pytest tests/unit

soak: $(READY) ## Kill the rehearsal's commands 50 times, compare each world; --seed N --round N --kills N
	@$(BIN)/python -m pytest --quiet --hypothesis-profile=soak $(addprefix tests/unit/test_,foreign_text.py free_text.py hostile_stack_files.py photo_history.py tunnel_document.py)
	@$(BIN)/python -m pytest --quiet --hypothesis-profile=soak tests/rehearsal/test_gateway.py -k settings_accept
	@$(BIN)/python -m tests.soak.faults
	@$(BIN)/python -m tests.soak.boundaries
	@$(BIN)/python -m tests.soak $(ARGS)
	@$(BIN)/python -m tests.soak.photos

soak-photos: $(READY) ## Run soak's last part: 50 interrupted syncs; --photos N --seeds N
	@$(BIN)/python -m tests.soak.photos $(ARGS)

bench-clients: $(READY) ## Measure the syncs of both clients: bench/CLIENTS.md; --photos 1000,20000
	@$(BIN)/python -m tests.soak.clients $(ARGS)

bench: $(READY) ## Measure the rehearsal's commands: bench/RESULTS.md; --rounds N --sizes 1,10,100
	@$(BIN)/python -m bench $(ARGS)

check: $(READY) ## Run linters and type checks, also of text and workflows
	@$(MAKE) --no-print-directory -j 2 types lint

types: $(READY) # as long as all linters together
	@$(BIN)/mypy $(SOURCES)

lint: $(READY)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.vocabulary
	@$(BIN)/shellcheck .ci/run $$(find $(SOURCES) -name '*.sh')
	@$(BIN)/python -m lab.tool actionlint -shellcheck $(BIN)/shellcheck
	@$(BIN)/zizmor --quiet --offline .github

audit: $(READY) ## Look up known vulnerabilities in what is pinned
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.txt
	@failed=; for lock in requirements-dev.txt requirements-audit.txt lab/tools/go/requirements.txt; do \
		echo "$$lock"; $(VENV)/audit/bin/pip-audit --disable-pip --require-hashes -r "$$lock" || failed=1; done; \
	for tool in lab/tools/*/go.mod; do \
		echo "$$tool"; $(BIN)/python -m lab.tool govulncheck -C "$${tool%/go.mod}" tool || failed=1; done; test -z "$$failed"

format: $(READY) ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

schema: $(READY) ## Regenerate the JSON Schema and docs/settings.md
	@$(BIN)/python -m settings.schema
	@$(BIN)/python -m settings.reference

messages: $(READY) ## Regenerate what is made of wording: docs, tests/golden
	@$(BIN)/python -m ops.messages
	@$(BIN)/python -m ops.troubleshooting
	@$(BIN)/python -m tests.golden.write

troubleshooting: $(READY) ## Regenerate docs/troubleshooting.md
	@$(BIN)/python -m ops.troubleshooting

pictures: $(READY) ## Regenerate the pictures of README.md and docs
	@$(BIN)/python -m tests.drawn
	@$(BIN)/python -m lab exec -- python -m ops.pictures {stack}

# Renovate runs these as they stand in the files' first lines, and knows only options like these.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes
lock: $(READY) ## Resolve the dependencies again, with hashes
	@$(LOCK) pyproject.toml --output-file=requirements.txt
	@$(LOCK) --constraints=requirements.txt --group=dev pyproject.toml --output-file=requirements-dev.txt
	@$(LOCK) requirements-audit.in --output-file=requirements-audit.txt

clean: ## Remove the virtual environment
	@rm -rf $(VENV)

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo 'error: $(PYTHON) is missing or not Python 3.11 to 3.13. Install one, then: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@echo 'Setting up $(VENV) (once; half a minute)'
	@# Without the stamp it is from a setup that was interrupted: pip would take half a package for a whole one.
	@$(PYTHON) -m venv $(if $(wildcard $@),,--clear) $(VENV) || { \
		echo 'error: no virtual environment could be made in $(VENV). On Debian: apt-get install python3-venv' >&2; exit 1; }
	@rm -f $@
	@# uv, by its own hash of the same file, takes a sixth of pip's time. It does not read pip's configuration: pip may still know a way.
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements-dev.txt | $(PIP) /dev/stdin && \
		$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt 2>/dev/null || $(PIP) requirements-dev.txt || { \
		echo 'error: the packages of requirements-dev.txt could not be installed (pip says why above). Is the network there?' >&2; exit 1; }
	@touch $@
