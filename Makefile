# Every target sets up what it needs from a bare checkout.
PYTHON ?= python3
# From the command line, the environment, or .env.
PORT ?= $(or $(shell sed -n 's/^PORT=["'\'']\{0,1\}\([0-9]*\).*/\1/p' .env 2>/dev/null),8000)
HOST ?= $(or $(shell sed -n 's/^HOST=["'\'']\{0,1\}\([0-9A-Za-z.:-]*\).*/\1/p' .env 2>/dev/null),127.0.0.1)
# Of each Python its own: make test PYTHON=python3.13 VENV=.venv-3.13
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
DATA ?= ../shared/data

# The demo polls fast and trades on every signal, whatever it costs: small orders show the same.
# It trades until just before a close, for whoever starts it then wants to see something, too.
DEMO := KALSHI_ENV=sim BOT_INTERVAL=$${BOT_INTERVAL:-2} BOT_MIN_EDGE=$${BOT_MIN_EDGE:--100} \
	BOT_ORDER_SIZE=$${BOT_ORDER_SIZE:-10} \
	RISK_DAILY_LOSS_STOP=$${RISK_DAILY_LOSS_STOP:-5000} \
	RISK_DRAWDOWN_HALT=$${RISK_DRAWDOWN_HALT:-5000} \
	RISK_MAX_ORDERS_PER_MINUTE=$${RISK_MAX_ORDERS_PER_MINUTE:-100} \
	RISK_MIN_SECONDS_TO_CLOSE=$${RISK_MIN_SECONDS_TO_CLOSE:-20} \
	BOT_EXIT_BEFORE_CLOSE=$${BOT_EXIT_BEFORE_CLOSE:-10}

# How long the trials go on.
CYCLES ?= 10000
KILLS ?= 200
ROUNDS ?= 5
FLAPS ?= 60
ORDERS ?= 10000
MINUTES ?= 10
CASES ?= 100000
# Many tests wait for a process or a socket: more workers than cores are faster.
WORKERS ?= 4
COVERAGE ?= --cov --cov-report=term
# Which examples the property tests draw (tests/conftest.py).
PROFILE ?= unhurried
# They share the cores already: the libraries of one start no threads beside those of the others.
ALONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo run test check format bench sim-report whale-report kills takeovers soak conservation
.PHONY: tape-reports orders fuzz hostile flaps mutants memory clean money again properties tables docs
.DEFAULT_GOAL := demo

## demo: the service on the embedded simulated exchange; no network, no account
demo: $(VENV)/.run
	exec env $(DEMO) $(BIN)/uvicorn main:app --host $(HOST) --port $(PORT) --no-use-colors

## run: the service on Kalshi's public data, paper mode
run: $(VENV)/.run
	exec $(BIN)/uvicorn main:app --host $(HOST) --port $(PORT) --no-use-colors

## test: all tests, with coverage
test: $(VENV)/.dev
	$(ALONE) $(BIN)/pytest -n $(WORKERS) --dist worksteal $(COVERAGE) --hypothesis-profile=$(PROFILE)

## again: the tests that failed last, one after the other
again: $(VENV)/.dev
	$(ALONE) $(BIN)/pytest --last-failed --last-failed-no-failures none --hypothesis-profile=$(PROFILE)

## properties: the property tests alone, each with many examples
properties: $(VENV)/.dev
	$(ALONE) $(BIN)/pytest -n $(WORKERS) --dist worksteal -m hypothesis --hypothesis-profile=thorough

## money: the tests of money with the decimal that is written in Python
money: $(VENV)/.dev
	$(BIN)/python -m tests.support.pure_decimal tests/unit/core tests/unit/trading/test_paper_venue.py tests/unit/dashboard/test_snapshot.py

## check: format, lint, types, layers
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## tables: the tables of settings, metrics and routes in docs/, and .env.example, from the code
tables: $(VENV)/.dev
	$(BIN)/python -m tests.support.doc_tables

## docs: the documentation as a site, in site/; a broken link fails
docs: $(VENV)/.docs
	PYTHONPATH="$(CURDIR)" $(BIN)/mkdocs build --quiet --strict

## bench: ratios against a floor measured in the same run
bench: $(VENV)/.dev
	$(BIN)/python -m bench.start
	$(BIN)/python -m bench.cycle
	$(BIN)/python -m bench.health
	$(BIN)/python -m bench.score
	$(BIN)/python -m bench.whales
	$(BIN)/python -m bench.http_full_state
	$(BIN)/python -m bench.events
	$(BIN)/python -m bench.replay
	$(BIN)/python -m bench.backtest
	$(BIN)/python -m bench.store
	$(BIN)/python -m bench.orders
	$(BIN)/python -m bench.sim_orders
	$(BIN)/python -m bench.sim_stream
	$(BIN)/python -m bench.stream

## sim-report: the simulated world against recorded books, tables and plots
sim-report: $(VENV)/.dev
	$(BIN)/python -m bot.sim.report --out docs/simulator

## tape-reports: the settings as shipped on every tape in DATA, as docs/backtests.md
TAPES = $(addprefix $(DATA)/,btc15m-l2-1s btc15m-top5 btc15m-ticker inx2023-l2-1s sports-l2-1s \
	rest-books-hourly tennis-tob)
tape-reports: $(VENV)/.dev
	$(ALONE) $(BIN)/python -m bot backtest $(addsuffix .parquet,$(TAPES)) --nulls 10 --markdown docs/backtests.md

## whale-report: whale detection against the simulator's ground truth
whale-report: $(VENV)/.dev
	$(BIN)/python -m bot whale-report --json reports/whales.json --plots reports/whales

## kills: the service killed at random instants, paper and live; nothing is lost, nothing booked twice
kills: $(VENV)/.dev
	$(BIN)/python -m trials.kills --kills $(KILLS)

## orders: thousands of orders in-process, on an exchange that fails, beside a stranger
orders: $(VENV)/.dev
	$(BIN)/python -m trials.orders --orders $(ORDERS)

## takeovers: a leader dies, ends, is paused; the database goes away: on SQLite and PostgreSQL
takeovers: $(VENV)/.dev
	$(BIN)/python -m trials.takeovers --rounds $(ROUNDS)

## flaps: PostgreSQL comes and goes under a service that trades; no order is lost, none booked twice
flaps: $(VENV)/.dev
	$(BIN)/python -m trials.flaps --flaps $(FLAPS)

## soak: the service for so many minutes on an exchange that fails on a schedule
soak: $(VENV)/.dev
	$(BIN)/python -m trials.soak --minutes $(MINUTES)

## fuzz: so many odd answers of the exchange against the real client: a value or an ExchangeError
fuzz: $(VENV)/.dev
	$(BIN)/python -m trials.fuzz --cases $(CASES)

## hostile: an exchange that sends a hundred megabytes and gzip bombs, and all hostile visitors; memory is bounded
hostile: $(VENV)/.dev
	$(BIN)/python -m trials.hostile
	$(BIN)/python -m trials.visitors

## memory: so many cycles of the demo, days in minutes; resident memory stays where it is
memory: $(VENV)/.dev
	$(BIN)/python -m trials.memory --cycles $(CYCLES)

## mutants: the path of money broken in one place at a time; a named test has to notice
mutants: $(VENV)/.dev
	$(BIN)/python -m trials.mutants

## conservation: a million random operations on the simulated exchange lose no contract, no cent
conservation: $(VENV)/.dev
	$(BIN)/python -m bot.sim.engine.conservation

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Compiled here, each start is sooner, also where Python may not write beside its sources.
$(VENV)/.run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	$(BIN)/python -m compileall -q api bot main.py logging_utils.py
	touch $@

$(VENV)/.docs: requirements-docs.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements-docs.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-alerts.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements-dev.txt
	$(BIN)/python -m compileall -q api bot main.py logging_utils.py
	touch $@ $(VENV)/.run
