# make demo    a whole spoken call, from nothing but Python
# make test    everything, against a real Asterisk, PostgreSQL and Redis
# make check   ruff and mypy
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check install clean

demo: install
	$(BIN)/ivrctl demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml scripts/bootstrap.sh
	scripts/bootstrap.sh $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[espeak,embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[espeak,embedded,dev]'
	touch $@

clean:
	rm -rf $(VENV) var .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
