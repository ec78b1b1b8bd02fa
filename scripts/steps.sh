# Sourced by the other scripts: steps with their time, and what was skipped.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .cache
export PATH=$PATH:$PWD/.cache/bin # what setup.sh unpacked without root

STATICCHECK=v0.8.2 # honnef.co/go/tools
SKIPPED=.cache/skipped
TIMES=()
: >"$SKIPPED"

# step NAME COMMAND...: runs it, says how long it took, ends the script where
# it fails.
step() {
	local name=$1 start=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	if ! "$@"; then
		printf '\nFAILED: %s (%s), after %d s\n' "$name" "$*" $((SECONDS - start)) >&2
		exit 1
	fi
	TIMES+=("$(printf '%4d s  %s' $((SECONDS - start)) "$name")")
}

# skip WHAT: notes something that could not be had here.
skip() {
	printf 'skipped: %s\n' "$*"
	printf '%s\n' "$*" >>"$SKIPPED"
}

# summary: times, then what was skipped; in CI nothing may be.
summary() {
	printf '\n== times\n'
	printf '%s\n' "${TIMES[@]}"
	printf '%4d s  in all\n' "$SECONDS"
	[ -s "$SKIPPED" ] || return 0
	printf '\n== skipped here\n'
	cat "$SKIPPED"
	if [ "${CI:-}" = true ]; then
		printf '\nFAILED: nothing may be skipped where CI=true\n' >&2
		return 1
	fi
}
