#!/usr/bin/env bash
# Measures @wakeful/react in Chromium. Exit code 77: the browser or its driver
# cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/.."
pattern=
for argument in "$@"; do
	[ "${previous-}" != -run ] || pattern=$argument
	previous=$argument
done
[[ -z $pattern || @wakeful/react =~ $pattern ]] || exit 0
PATH=$PATH:$(cd ../.. && pwd)/.cache/bin
CHROMIUM=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
[ -n "$CHROMIUM" ] || { echo "no Chromium"; exit 77; }
[ -d ../node_modules ] && [ -d ../../e2e/browser/node_modules/playwright-core ] || { echo "no playwright-core or client/node_modules (scripts/setup.sh installs them)"; exit 77; }
CHROMIUM=$CHROMIUM exec timeout 300 node bench/bench.mjs "$@"
