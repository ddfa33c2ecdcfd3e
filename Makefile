# Two commands matter: `make run` and `make test`. The rest are parts of them.

.DEFAULT_GOAL := help
.PHONY: help run demo test web build deep bench fmt clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the web UI and the release binary, then serve on 127.0.0.1:7070
	@scripts/run $(ARGS)

demo: ## Send a simulated multi-agent application to the running server
	@scripts/demo $(ARGS)

test: ## Everything that CI runs
	@scripts/test

web: ## Build the web UI, if it changed
	@scripts/build-web

build: web ## Build the web UI and the release binary
	cargo build --release --locked --package watchkeep

deep: ## The long checks: 200 kills of the server, fuzzing for a minute a target
	@scripts/deep

bench: ## Measure the decoders, the write-ahead log and the stores
	cargo bench --locked --workspace

fmt: ## Format the code
	cargo fmt --all

clean: ## Remove what was built (not the data)
	rm -rf web/dist web/node_modules
	cargo clean
