# The project's one vocabulary: people and CI run these and nothing else.

CACHE := $(or $(AIV1_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/aiv1,$(HOME)/.cache/aiv1))
export AIV1_CACHE := $(CACHE)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(CACHE)/tools/bin:$(PATH)
AIV1 := $(CARGO_TARGET_DIR)/release/aiv1
SECONDS_PER_TARGET ?= 600

.NOTPARALLEL:
.PHONY: help setup build build-lambda demo experiment test check unit end-to-end live deploy-check deploy deploy-workers fuzz-minute fuzz load bench station schema clean-caches

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## Install what is missing: ffmpeg, nasm, a linker, a wasm-capable rustc, cargo tools, the sample clip
	@scripts/setup.sh

build: setup ## Build the release binary
	cargo build --release --locked -p aiv1-cli -p aiv1-worker

demo: build ## Start the lab on real footage: site, worker, search, until Ctrl-C (SOURCE=path, FRAMES=n, EXPERIMENTS=n)
	@AIV1=$(AIV1) scripts/demo.sh $(if $(SOURCE),"$(SOURCE)")

experiment: build ## Run the starting codecs by hand on real footage and verify a bundle (SOURCE=path for another video)
	@AIV1=$(AIV1) scripts/experiment.sh $(if $(SOURCE),"$(SOURCE)")

test: setup check unit end-to-end live deploy-check fuzz-minute ## Everything that CI runs

check: ## Formatting, lints, documentation, licences, unused dependencies
	cargo fmt --all --check
	rustfmt --check --edition 2024 codecs/*.rs codecs/hostile/*.rs
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p aiv1-decoder --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	cargo deny --locked --log-level error check bans licenses sources
	cargo machete

# Every development build selects the whole workspace and a test, so that all of them ask the same features of the
# dependencies and share one build of them.
unit: ## Unit and integration tests
	cargo test --locked --workspace

end-to-end: ## The built command on real clips, hostile codecs, damaged bundles, a real browser
	cargo build --locked --workspace --bin aiv1 --bin aiv1-worker --test end_to_end
	AIV1_BIN=$(CARGO_TARGET_DIR)/debug/aiv1 cargo test --locked --workspace --test architecture --test end_to_end -- \
	  --test-threads=2

live: ## A whole lab as a process: real browser, plug pulled, two workers, verify over HTTP
	cargo build --locked --workspace --bin aiv1 --bin aiv1-worker --test live
	AIV1_BIN=$(CARGO_TARGET_DIR)/debug/aiv1 cargo test --locked --workspace --test live -- --test-threads=2

build-lambda: setup ## Build the functions as AWS runs them, into dist/lambda
	scripts/build-lambda.sh

deploy-check: build-lambda ## Templates held to the code; the functions deployed to AWS-compatible servers, and a walk through the site
	cargo build --locked --workspace --bin aiv1 --bin aiv1-worker --test deploy
	AIV1_BIN=$(CARGO_TARGET_DIR)/debug/aiv1 cargo test --locked --workspace --test deploy -- --test-threads=2

fuzz-minute: ## Every fuzz target for a minute
	scripts/fuzz.sh 60

fuzz: ## Every fuzz target for SECONDS_PER_TARGET (600)
	scripts/fuzz.sh $(SECONDS_PER_TARGET)

bench: build build-lambda ## Figures and ratios, each beside its peer in the same run
	AIV1=$(AIV1) scripts/bench.sh

load: setup ## Requests a second and latencies at up to 100,000 experiments, embedded and on AWS's servers (STORE=aws, RECORDS=100000)
	scripts/load.sh $(STORE) $(RECORDS)

station: build ## BD-rate of the transform codec over the clips folder (AIV1_CLIPS), against every anchor
	AIV1=$(AIV1) scripts/station.sh

deploy: build-lambda ## Deploy to AWS (STACK=aiv1, LAB=prod, PARAMETERS="Name=value …", SETTINGS=file.json); docs/CLOUD.md
	@STACK="$(STACK)" LAB="$(LAB)" PARAMETERS="$(PARAMETERS)" scripts/deploy.sh

deploy-workers: build ## Deploy the machines that measure and the loop (STACK, LAB, PARAMETERS); docs/CLOUD.md
	@STACK="$(STACK)" LAB="$(LAB)" PARAMETERS="$(PARAMETERS)" scripts/deploy-workers.sh

schema: ## Write docs/record.schema.json from the code
	cargo run --quiet --locked -p aiv1-model --example record-schema > docs/record.schema.json.new
	mv docs/record.schema.json.new docs/record.schema.json

clean-caches: ## Delete everything that can be made again
	rm -rf "$(CACHE)"
