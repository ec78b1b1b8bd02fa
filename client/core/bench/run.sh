#!/usr/bin/env bash
# Builds @wakeful/client and measures it in Node. Exit code 77: there is no npm.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d ../node_modules ] || { echo "no client/node_modules (scripts/setup.sh installs it)"; exit 77; }
npm run --silent build
exec node bench/bench.mjs "$@"
