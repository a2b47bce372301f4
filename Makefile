# The commands others script against. `make run` and `make test` need Python 3.11+ and make, nothing else.
PYTHON ?= python3
V := .venv/bin
COMPILE = $(V)/uv pip compile $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header

# What is compiled is kept, whatever the shell says: `make run` starts six processes of the same modules, the tests some
# hundred.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast nightly lint audit messages bench bench-quick lock clean

run: .venv/.run ## everything on this machine; PORT and INFLOW_DATA choose where
	@exec $(V)/python -m inflow.tryout

test: .venv/.dev tests/browser/node_modules ## ARGS="tests/api -k keys" chooses
	$(V)/pytest $(ARGS)

test-fast: .venv/.dev ## without browsers, whole servers and random cases
	$(V)/pytest -m "not (nightly or browser or faults or properties)" $(ARGS)

nightly: .venv/.dev tests/browser/node_modules ## all tests, also those that take minutes
	HISTORIES=$${HISTORIES:-60} $(V)/pytest -m "nightly or not nightly" $(ARGS)

# axe, which the browser tests ask. Without npm, or without a registry, they say that they are skipped.
tests/browser/node_modules: tests/browser/package-lock.json
	@! command -v npm >/dev/null || npm ci --prefix tests/browser --silent --no-audit --no-fund || true
	@test ! -d $@ || touch $@

lint: .venv/.dev
	$(V)/ruff check .
	$(V)/ruff format --check .
	$(V)/python -m tests.environment $(V)/mypy .
	$(V)/lint-imports
	$(V)/djlint --quiet --lint templates

audit: .venv/.dev ## licences, bandit, known vulnerabilities; ARGS=--offline leaves out what needs the network
	@$(V)/python -m tests.audit $(ARGS)

messages: .venv/.dev ## the Arabic catalogue: gathers what is new, drops what is gone, compiles it, names what lacks Arabic
	@$(V)/python -m tests.environment $(V)/python manage.py messages

bench: .venv/.dev ## ARGS=api chooses; `make bench ARGS=growth` is not among them by default
	$(V)/python -m benchmarks $(ARGS)

bench-quick: .venv/.dev
	$(V)/python -m benchmarks --quick $(ARGS)

lock: .venv/.dev ## after a change of the dependencies in pyproject.toml; ARGS=--upgrade renews them all
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra pdf -c requirements.txt pyproject.toml -o requirements-pdf.txt
	$(COMPILE) --extra anymail -c requirements.txt pyproject.toml -o requirements-mail.txt
	$(COMPILE) --extra embedded -c requirements.txt pyproject.toml -o requirements-embedded.txt
	$(COMPILE) --extra embedded --extra pdf --extra anymail --extra dev --extra bench -c requirements-embedded.txt \
		-c requirements-pdf.txt -c requirements-mail.txt pyproject.toml -o requirements-dev.txt

clean: ## the environment and the caches; the data of `make run` stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(V)/pip: # not python: a venv that failed half-way has that one already
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "inflow: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "inflow: python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

# uv installs in seconds what takes pip most of a minute. Where it can't, as behind an index of which only pip is told, pip
# does.
UV = import re, sys; print(re.search(r"^uv==.*?(?=^\w|\Z)", sys.stdin.read(), re.M | re.S)[0])
PIP = $(V)/pip install --quiet --disable-pip-version-check --require-hashes -r
INSTALL = { $(V)/python -c '$(UV)' < requirements-dev.txt > .venv/uv.txt && $(PIP) .venv/uv.txt \
	&& $(V)/uv pip install --quiet --python $(V)/python --compile-bytecode --require-hashes -r $<; } || $(PIP) $<

# Our own modules are compiled with the packages, so that the first start does not have to.
COMPILED = $(V)/python -m compileall -q -j 0 inflow invoices communications webhooks

.venv/.run: requirements-embedded.txt | $(V)/pip
	@$(INSTALL)
	@$(COMPILED)
	@touch $@

.venv/.dev: requirements-dev.txt | $(V)/pip
	@$(INSTALL)
	@$(COMPILED)
	@touch $@ .venv/.run
