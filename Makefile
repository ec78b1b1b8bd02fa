# The few commands of this project. Each is a script in scripts/, so that it
# reads and fails the same from make, from CI and by hand.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench long dist clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## an issue board in your browser; open it twice (ARGS="--listen :9000 --db board.db"; DB=postgres)
	@DB='$(DB)' ./scripts/demo.sh $(ARGS)

test: ## everything that must hold before a commit is shared
	@./scripts/test.sh

lint: ## the quick part of it: format, vet, staticcheck, layers
	@./scripts/lint.sh

bench: ## measure, each figure beside a floor from the same run (ARGS="-quick")
	@./scripts/bench.sh $(ARGS)

long: ## the property tests and the checker with a hundred times the work
	@./scripts/long.sh

dist: ## static binaries for Linux, macOS and Windows in dist/, with checksums
	@./scripts/dist.sh

clean: ## remove what the scripts keep in .cache/, and dist/
	@rm -rf .cache dist
