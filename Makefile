# The front door. `make run` and `make test` install what is missing, then do their job.
.DEFAULT_GOAL := help
.PHONY: help setup build run check test test-unit test-e2e test-players test-camera test-long players fuzz score bench lint fmt clean

# What the compiler must be told about this machine's libraries.
ENV := eval "$$(scripts/setup --env)" &&

help: ## Lists what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

setup: ## Installs what is missing to build and run
	@scripts/setup run

build: setup ## Builds target/release/hlscam
	@$(ENV) cargo build --release

run: build ## Streams the first camera, or the test source: ARGS="--device test --port 9000" make run
	@scripts/run $(ARGS)

check: ## For the edit loop: format, lints, the rules of the tree, unit tests of what you change: STAGE=window make check
	@cargo fmt --check
	@$(ENV) cargo clippy --quiet --lib -- -D warnings
	@$(ENV) cargo test --quiet --lib -- $(if $(STAGE),$(STAGE) tidy)

test: ## Runs every test
	@scripts/setup test
	@scripts/test

test-unit: ## Runs the Rust and web tests only, with and without native libraries
	@scripts/setup test
	@scripts/test core native web

test-e2e: ## Runs the tests in a real browser only
	@scripts/setup test
	@scripts/test e2e

test-players: ## Runs the tests with other people's players only
	@scripts/setup test
	@scripts/test players

test-camera: ## Runs the tests with a real V4L2 camera in a virtual machine only
	@scripts/setup test
	@scripts/test camera

test-long: ## Runs the tests that take long, about two hours: see docs/testing.md
	@scripts/setup test
	@scripts/test-long

fuzz: ## Feeds the origin random requests: SECONDS_EACH=600 make fuzz
	@scripts/setup run
	@scripts/fuzz

players: build ## Fills the table of docs/players.md from a run with the release build
	@scripts/setup test
	@HLSCAM_BIN=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/hlscam PLAYERS_DOC=docs/players.md npm --prefix tests/e2e run players

score: build ## Scores face detection on the labelled clips of ../shared, if they are there
	@scripts/score-faces
	@scripts/score-faces --strangers

bench: ## Measures hlscam beside its peers: BENCH="--long" make bench for the ten-minute run
	@scripts/setup bench
	@$(ENV) cargo build --release
	@benches/run $(BENCH)

lint: ## Checks formatting and lints
	@scripts/setup test
	@scripts/test lint

fmt: ## Formats the Rust code
	@cargo fmt

clean: ## Removes what was built
	@cargo clean
