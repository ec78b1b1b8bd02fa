#!/usr/bin/env bash
# The long run: WAKEFUL_LONG=1 makes property tests and the checker do a
# hundred times the work, and each fuzz target runs for FUZZTIME.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/steps.sh"
source scripts/checks.sh

fuzz() {
	local package target
	while read -r package target; do
		printf -- '-- %s %s\n' "$package" "$target"
		go test "./$package" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-60s}" || return 1
	done < <(grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's|^\./(.*)/[^/]*_test\.go:[0-9]+:func (.*)$|\1 \2|' | sort)
}

export WAKEFUL_LONG=1
step "tests, long" run_tests long -count=1 -timeout 80m
step "fuzz targets" fuzz
summary
