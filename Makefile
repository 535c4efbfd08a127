# make run | make test | make check | make lock
PYTHON ?= python3
PIP = .venv/bin/pip install --quiet --disable-pip-version-check
PY = .venv/bin/python

.PHONY: run test check lock messages bench-reading clean

run: .venv/ready
	@.venv/bin/serai run

test: .venv/tested check
	@$(PY) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: .venv/tested
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports
	@$(PY) -m config.messages --check

# Everything comes from the lock files, with hashes; the project itself is linked in last.
.venv/ready: requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing what Serai needs into .venv (a minute, once) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Serai needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --require-hashes -r requirements-build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/tested: .venv/ready requirements-test.lock
	@$(PIP) --require-hashes -r requirements-test.lock
	@touch $@

lock: .venv/tested
	.venv/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-header -o requirements.lock
	.venv/bin/uv pip compile pyproject.toml --group test --universal --generate-hashes --no-header -o requirements-test.lock
	.venv/bin/uv pip compile --group build --universal --generate-hashes --no-header -o requirements-build.lock

# Collect the sentences of the program into config/locales/serai.pot and into each language's catalogue.
messages: .venv/tested
	@$(PY) -m config.messages --update

# How well the reader reads, on labelled dispatches of our own: tuned and held back, side by side. MISSES=1 tells which.
bench-reading: .venv/tested
	@$(PY) -m tests.bench.reading $(if $(MISSES),--misses)

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
