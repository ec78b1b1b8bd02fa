#!/usr/bin/env bash
# All bars, each beside the floor that the same run measured.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./bench "$@" </dev/null
