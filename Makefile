# Everything that is done with Medley. The first `make run` and `make test` install what is missing.

# Builds live outside the clone, so that a fresh clone finds them again.
CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/medley/target
export CARGO_TARGET_DIR
# Only where it is missing: build scripts run again, and what they build with them, when PATH changes.
ifeq (,$(findstring $(HOME)/.cargo/bin:,$(PATH):))
export PATH := $(HOME)/.cargo/bin:$(PATH)
endif

MEDLEY = $(CARGO_TARGET_DIR)/release/medley

.PHONY: run test bench package setup setup-tests build models check clean-cache help

run: models ## build, fetch the default models, open the window (or run the tour)
	@scripts/run.sh "$(MEDLEY)"

test: setup-tests models ## every test, with the real default models and a second family's
	@"$(MEDLEY)" models pull gemma-3-270m ge2e-speaker
	LC_ALL=C.UTF-8 cargo test --release --workspace --no-fail-fast

bench: models ## speed and memory on this machine
	@"$(MEDLEY)" bench

package: build ## a Debian package and an AppImage, in packages/ of the build folder
	@scripts/setup.sh --package
	@scripts/package.sh "$(CARGO_TARGET_DIR)/release" "$(CARGO_TARGET_DIR)/packages"

# The whole workspace, so that features are the same as for the tests and nothing is built twice.
build: setup
	@cargo build --release --workspace

models: build ## the default models, fetched once
	@"$(MEDLEY)" models pull --default

setup: ## system packages and Rust, for building and running
	@scripts/setup.sh

setup-tests:
	@scripts/setup.sh --tests

check: ## formatting, lints, documentation, tests: what CI does
	@.ci/run

clean-cache: ## delete the build folder in the cache (models stay)
	rm -rf "$(CARGO_TARGET_DIR)"

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' Makefile
