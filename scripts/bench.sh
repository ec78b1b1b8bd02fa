#!/usr/bin/env bash
# All bars, each beside the floor that the same run measured.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
go run ./bench "$@" </dev/null || status=$?
for bench in client/core client/react; do
	client=0
	"$bench/bench/run.sh" "$@" || client=$?
	[ "$client" = 0 ] || [ "$client" = 77 ] || status=$client
done
exit "$status"
