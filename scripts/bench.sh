#!/usr/bin/env bash
# All benchmarks, each ratio beside the floor that the same run measured.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/steps.sh"

step "benchmarks" go test -run '^$' -bench "${BENCH:-.}" -benchmem -timeout 60m ./...
