#!/usr/bin/env bash
# Tests the page's client by itself, then builds the demo and runs it in
# Chromium, and the pages of resources. Exit code 77: the browser or its driver cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/../.."

node --test e2e/browser/live.test.mjs

CHROMIUM=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
[ -n "$CHROMIUM" ] || { echo "no Chromium"; exit 77; }
[ -d e2e/browser/node_modules/playwright-core ] || { echo "no playwright-core (scripts/setup.sh installs it)"; exit 77; }

mkdir -p .cache
go build -o .cache/wakeful ./cmd/wakeful
CHROMIUM=$CHROMIUM WAKEFUL_BINARY=$PWD/.cache/wakeful exec timeout 300 node --test --test-concurrency 1 --test-timeout 170000 e2e/browser/board.test.mjs e2e/browser/browse.test.mjs
