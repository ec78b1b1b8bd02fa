#!/usr/bin/env bash
# Builds the program and runs the demo, the pages of resources and the console in
# Chromium, two files at a time.
# Exit code 77: the browser or its driver cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/../.."

CHROMIUM=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
[ -n "$CHROMIUM" ] || { echo "no Chromium"; exit 77; }
[ -d e2e/browser/node_modules/playwright-core ] || { echo "no playwright-core (scripts/setup.sh installs it)"; exit 77; }
command -v sqlite3 >/dev/null || { echo "no sqlite3, the shell of SQLite"; exit 77; }

mkdir -p .cache
go build -o .cache/wakeful ./cmd/wakeful
go build -o .cache/house ./e2e/browser/house
CHROMIUM=$CHROMIUM WAKEFUL_BINARY=$PWD/.cache/wakeful HOUSE_BINARY=$PWD/.cache/house exec timeout 420 node --test --test-concurrency 2 --test-timeout 170000 e2e/browser/*.test.mjs
