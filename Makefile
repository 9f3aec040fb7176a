# Every target sets up what it needs from a bare checkout.
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo run test check format bench clean
.DEFAULT_GOAL := demo

## demo: the service on the embedded simulated exchange; no network, no account
demo: $(VENV)/.run
	KALSHI_ENV=sim BOT_INTERVAL=$${BOT_INTERVAL:-2} $(BIN)/uvicorn main:app --host $(HOST) --port $(PORT) --no-access-log

## run: the service on Kalshi's public data, paper mode
run: $(VENV)/.run
	$(BIN)/uvicorn main:app --host $(HOST) --port $(PORT)

## test: all tests
test: $(VENV)/.dev
	$(BIN)/pytest -n 2 --cov --cov-report=term

## check: format, lint, types
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements-dev.txt
	touch $@ $(VENV)/.run
