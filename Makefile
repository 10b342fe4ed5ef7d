# The two commands: make demo, make test. `make` alone lists the rest.
# The virtual environment and what the machine lacks are made by scripts/set-up; it is silent when there is nothing to do.
.DEFAULT_GOAL := help
.PHONY: help demo demo-json test test-compiled compiled contract-tts soak simulate chaos fuzz mutants check fix gen bench bench-against attack docs console-pictures wheels pythons deb deploy-test manual-test integrations-test languages-test vnpy-bench vnpy-picture sbom audit up set-up

# What is compiled once stays compiled: the tests start hundreds of processes, and images often switch this off.
export PYTHONDONTWRITEBYTECODE =

BIN := $(or $(CTP_RELAY_VENV),.venv)/bin
TESTS ?= tests
SYSTEM ?= ctp
JOBS ?= 3
STEPS ?= 10000
INPUTS ?= 1000000
TARGET ?=
ARGS ?=
SEED ?= 1
FAULTS ?= 40
KILLS ?= 0
MINUTES ?= 0
MUTANTS ?= 300

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: ## a terminal logs in through the relay to the simulated counter and trades (both modes); SYSTEM=ctp|tts|cts|ufx|bridge
	@scripts/set-up demo $(SYSTEM)
	@$(BIN)/python -m demo --system $(SYSTEM)

demo-json: ## the same, for programs: make -s demo-json; SYSTEM as there
	@scripts/set-up demo $(SYSTEM)
	@$(BIN)/python -m demo --system $(SYSTEM) --json

test: ## all tests; TESTS=tests/relay for some, JOBS=0 in one process
	@scripts/set-up test
	@PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(TESTS)

test-long: ## the long proofs that `make test` skips, alone; some minutes
	@scripts/set-up test
	@CTP_RELAY_LONG_TESTS=1 PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m long $(TESTS)

test-compiled: ## the contract, HTTP/2's rules, the random histories and hostile inputs once more, with the order path as machine code; a few minutes
	@scripts/set-up test
	@$(BIN)/python -m relay.compiled.build
	@PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -p tests.compiled_parts tests/contract tests/relay/http2
	@$(BIN)/python -m tests.stateful.compiled --steps $(STEPS)
	@$(BIN)/python -m fuzz --driver compiled --inputs 60000 --seed $(SEED)

compiled: ## compile the order path of this tree into the user's cache: relays that start afterwards run it as machine code
	@scripts/set-up test
	@$(BIN)/python -m relay.compiled.build

ufx-flood: ## 20,000 pushes of a simulated UFX through Hundsun's library and the adapter; half a minute
	@scripts/set-up test
	@CTP_RELAY_UFX_FLOOD=20000 $(BIN)/python -m pytest -q --timeout=900 tests/relay/counter/ufx/test_floods_and_stops.py -k flood

contract-tts: ## the contract suite once more, the relay on openctp-tts instead of openctp-ctp; some minutes
	@scripts/set-up test
	@CTP_RELAY_TEST_BINDING=openctp-tts PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal tests/contract

soak: ## random histories of the whole relay, both modes; STEPS=100000 SEED=2 for more or other ones
	@scripts/set-up test
	@$(BIN)/python -m tests.stateful --steps $(STEPS) --seed $(SEED)

simulate: ## a trading day of the whole relay on a clock that jumps, from a seed; SEED=7, and ARGS="--terminals 200 --days 5 --hours 24" for a week
	@scripts/set-up test
	@$(BIN)/python -m simulation --seed $(SEED) $(ARGS)

chaos: ## real processes killed, cut off and filled up while terminals trade, in three shapes; SEED="2 3" FAULTS=100, KILLS=1000, MINUTES=60, ARGS="--crowd 1000"
	@scripts/set-up test
	@$(BIN)/python -m tests.chaos $(SEED:%=--seed %) --faults $(FAULTS) --kills $(KILLS) --minutes $(MINUTES) $(ARGS)

fuzz: ## hostile inputs to everything that parses, guided by coverage; INPUTS=100000 TARGET=peers SEED=2
	@scripts/set-up test
	@$(BIN)/python -m fuzz $(TARGET) --inputs $(INPUTS) --seed $(SEED)

mutants: ## one place of the code changed at a time: do its tests notice? SEED=2 MUTANTS=60; some minutes, goes on where it was stopped
	@scripts/set-up test
	@$(BIN)/python -m mutants --seed $(SEED) --mutants $(MUTANTS) $(ARGS)

check: ## lint, types, floors, generated code, documents; changes nothing
	@scripts/set-up test
	@scripts/check

fix: ## what lint and format can put right by themselves
	@scripts/set-up test
	@$(BIN)/ruff check --fix --quiet .; $(BIN)/ruff format --quiet .

gen: ## write everything that is generated: messages, catalogs, the terminal's methods, documents
	@scripts/set-up test
	@$(BIN)/python -m codegen

bench: ## measure everything, a quarter of an hour: figures, tables and charts of docs/performance.md; PART=orders for one, ARGS=--help for more
	@scripts/set-up test
	@$(BIN)/python -m benchmarks $(PART) $(ARGS)

bench-against: ## another revision interleaved with this tree in one run: REV=main, ARGS=--help for more
	@scripts/set-up test
	@$(BIN)/python -m benchmarks.against --rev $(or $(REV),main) $(ARGS)

attack: ## attack a relay in 24 ways, from one address and from a hundred, and measure honest terminals; about 15 minutes
	@scripts/set-up test
	@$(BIN)/python -m attacks

docs: ## the manual in Chinese and English as a site, into dist/site; it needs no network. Takes the console's pictures once
	@scripts/set-up test
	@$(BIN)/python -m tests.console_pictures --manual --warm-up 60
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

console-pictures: ## every page of the console, both languages, three widths, both themes, into dist/console-pictures; needs Chromium
	@scripts/set-up test
	@$(BIN)/python -m tests.console_pictures $(PICTURES)

wheels: ## the four distributions as source archives and wheels, into dist/
	@scripts/set-up test
	@scripts/wheels dist

pythons: ## the distributions with each Python from 3.11 to 3.13 that is here, in clean environments; some minutes
	@scripts/set-up test
	@scripts/pythons

deb: ## the Debian package, into dist/; everything is inside, nothing is fetched when it is installed
	@scripts/set-up test
	@scripts/deb dist

deploy-test: ## the package on a clean Debian with a systemd of its own, from install to purge; as root, some minutes
	@scripts/set-up test
	@CTP_RELAY_DEPLOY_TEST=1 $(BIN)/python -m pytest -q -rs --timeout=1800 tests/deploy

manual-test: ## the Chinese manual's own commands on a clean Debian, to two relays behind HAProxy and a proved login; as root, some minutes
	@scripts/set-up test
	@CTP_RELAY_MANUAL_TEST=1 $(BIN)/python -m pytest -q -rs -s --timeout=3000 tests/manual/test_manual_on_a_machine.py

integrations-test: ## programs of others through a relay (vn.py …), in an environment of their own under .cache; minutes the first time
	@scripts/set-up test
	@scripts/set-up-integrations
	@CTP_RELAY_INTEGRATIONS_TEST=1 $(BIN)/python -m pytest -q -rs $(or $(filter-out tests,$(TESTS)),tests/integrations)

vnpy-picture: ## VeighNa's main window and its dialog, trading through a relay, into dist/vnpy-pictures and docs/images; Qt without a screen
	@scripts/set-up test
	@scripts/set-up-integrations window
	@CTP_RELAY_INTEGRATIONS_TEST=1 CTP_RELAY_VNPY_PICTURES=dist/vnpy-pictures $(BIN)/python -m pytest -q -rs tests/integrations/vnpy_gateway/test_window.py

vnpy-bench: ## measure vn.py's gateway beside the terminal's client, from send_order to on_trade, in both modes
	@scripts/set-up test
	@scripts/set-up-integrations
	@$(BIN)/python -m benchmarks.vnpy_gateway

languages-test: ## terminals in Node, C++, Go, Java and C#, compiled and run through a relay; those whose compiler is here, some minutes
	@scripts/set-up test
	@CTP_RELAY_LANGUAGES_TEST=1 $(BIN)/python -m pytest -q -rs --timeout=1800 -o faulthandler_timeout=1800 $(or $(filter-out tests,$(TESTS)),tests/integrations/languages)

sbom: ## what the relay is made of, as a CycloneDX bill of materials, into dist/
	@scripts/set-up test
	@$(BIN)/python -m scripts.packages sbom

audit: ## ask the vulnerability database about every package; says NOT DONE and fails where it cannot be reached
	@scripts/set-up test
	@$(BIN)/python -m scripts.audit

up: ## two relays, HAProxy, PostgreSQL, console, Prometheus and Grafana in containers; see docker-compose.yml
	docker compose --profile console --profile metrics up --build -d

set-up: ## only make ready
	@scripts/set-up test
