#!/usr/bin/env bash
# Says so where the published client cannot be had: go test alone would skip
# in silence. Where it can, go test has the result from the run before.
set -euo pipefail

command -v node >/dev/null || { echo "no node to run the published version 1 client"; exit 77; }
[ -e e2e/resolwe/node_modules/@genialis/resolwe ] || { echo "the published version 1 client is not installed: scripts/setup.sh"; exit 77; }
go test -timeout 5m ./e2e/resolwe
