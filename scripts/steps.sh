# Sourced by the other scripts: steps with their time, and what was skipped.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .cache
export PATH=$PATH:$PWD/.cache/bin # what setup.sh unpacked without root

export STATICCHECK=v0.8.2 # honnef.co/go/tools
SKIPPED=.cache/skipped
TIMES=()
: >"$SKIPPED"

# step NAME COMMAND...: runs it, says how long it took and how much of the
# processors, ends the script where it fails.
step() {
	local name=$1 status=0 TIMEFORMAT='%0R %0U %0S' real user system
	shift
	printf '\n== %s\n' "$name"
	exec 3>&1 4>&2
	{ time "$@" >&3 2>&4 || status=$?; } 2>.cache/time
	exec 3>&- 4>&-
	read -r real user system <.cache/time
	TIMES+=("$(printf '%4d s  (CPU %4d s)  %s' "$real" $((user + system)) "$name")")
	if [ "$status" != 0 ]; then
		printf '\nFAILED: %s (%s), after %d s\n' "$name" "$*" "$real" >&2
		exit 1
	fi
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
	printf '%4d s                in all\n' "$SECONDS"
	[ -s "$SKIPPED" ] || return 0
	printf '\n== skipped here\n'
	cat "$SKIPPED"
	if [ "${CI:-}" = true ]; then
		printf '\nFAILED: nothing may be skipped where CI=true\n' >&2
		return 1
	fi
}
