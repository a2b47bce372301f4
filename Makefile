# `make run` and `make test` need only Python 3.11 or newer and make. Other scripts may rely on the names of the targets.
PYTHON ?= python3
V := .venv/bin
COMPILE = $(V)/uv pip compile $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header

# Write bytecode even if the shell disables it: `make run` starts six processes, and the tests start about a hundred, that
# import the same modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-slow nightly lint audit migrations openapi messages bench bench-quick lock clean

run: .venv/.run ## start everything on this machine; set PORT and INFLOW_DATA to change the port and the data folder
	@exec $(V)/python -m inflow.tryout

test: .venv/.dev tests/browser/node_modules ## select tests with ARGS="tests/api -k keys"
	$(V)/pytest $(ARGS)

test-slow: .venv/.dev tests/browser/node_modules ## run the tests with browsers, whole servers, every page and random cases
	$(V)/pytest -m "(browser or faults or pages or properties) and not nightly" $(ARGS)

nightly: .venv/.dev tests/browser/node_modules ## run all tests, including those that take minutes
	HISTORIES=$${HISTORIES:-60} $(V)/pytest -m "nightly or not nightly" $(ARGS)

# axe, for the browser tests. They are skipped without npm or a package registry.
tests/browser/node_modules: tests/browser/package-lock.json
	@! command -v npm >/dev/null || npm ci --prefix tests/browser --silent --no-audit --no-fund || true
	@test ! -d $@ || touch $@

lint: .venv/.dev
	$(V)/ruff check .
	$(V)/ruff format --check .
	$(V)/python -m tests.environment $(V)/mypy .
	$(V)/lint-imports
	$(V)/djlint --quiet --lint templates

audit: .venv/.dev ## check licences, our code (bandit) and known vulnerabilities; ARGS=--offline skips what needs the network
	@$(V)/python -m tests.audit $(ARGS)

migrations: .venv/.dev ## write migrations for changed models: ARGS="invoices --name purchase_orders"
	@$(V)/python -m tests.environment $(V)/python -W "ignore:Got an error checking:RuntimeWarning" manage.py makemigrations $(ARGS)

openapi: .venv/.dev ## write the description of the API, inflow/api/openapi.json, from the code
	@$(V)/python -m tests.environment $(V)/python manage.py openapi

messages: .venv/.dev ## update and compile the Arabic catalogue, and list untranslated texts
	@$(V)/python -m tests.environment $(V)/python manage.py messages

bench: .venv/.dev ## select a benchmark with ARGS=api; ARGS=growth is not run by default
	$(V)/python -m benchmarks $(ARGS)

bench-quick: .venv/.dev
	$(V)/python -m benchmarks --quick $(ARGS)

lock: .venv/.dev ## lock the dependencies of pyproject.toml; ARGS=--upgrade upgrades all of them
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra pdf -c requirements.txt pyproject.toml -o requirements-pdf.txt
	$(COMPILE) --extra anymail -c requirements.txt pyproject.toml -o requirements-mail.txt
	$(COMPILE) --extra embedded -c requirements.txt pyproject.toml -o requirements-embedded.txt
	$(COMPILE) --extra embedded --extra pdf --extra anymail --extra dev --extra bench -c requirements-embedded.txt \
		-c requirements-pdf.txt -c requirements-mail.txt pyproject.toml -o requirements-dev.txt

clean: ## remove the environment and the caches, but not the data of `make run`
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(V)/pip: # not python, which exists already in a venv that was created only in part
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "inflow: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "inflow: python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

# uv installs in seconds what takes pip most of a minute. If uv fails, for example because only pip is configured for the
# package index in use, pip installs everything.
UV = import re, sys; print(re.search(r"^uv==.*?(?=^\w|\Z)", sys.stdin.read(), re.M | re.S)[0])
PIP = $(V)/pip install --quiet --disable-pip-version-check --require-hashes -r
INSTALL = { $(V)/python -c '$(UV)' < requirements-dev.txt > .venv/uv.txt && $(PIP) .venv/uv.txt \
	&& $(V)/uv pip install --quiet --python $(V)/python --compile-bytecode --require-hashes -r $<; } || $(PIP) $<

# Compile our own modules together with the packages, to make the first start faster.
COMPILED = $(V)/python -m compileall -q -j 0 inflow invoices communications webhooks

.venv/.run: requirements-embedded.txt | $(V)/pip
	@$(INSTALL)
	@$(COMPILED)
	@touch $@

.venv/.dev: requirements-dev.txt | $(V)/pip
	@$(INSTALL)
	@$(COMPILED)
	@touch $@ .venv/.run
