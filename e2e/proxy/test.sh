#!/usr/bin/env bash
# Runs the snippets of docs/serve.md: nginx and Caddy before a served database.
# Exit code 77: one of them cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/../.."

NGINX=${NGINX:-$(command -v nginx || command -v .cache/bin/nginx || true)}
CADDY=${CADDY:-$(command -v caddy || command -v .cache/bin/caddy || true)}
[ -n "$NGINX" ] || { echo "no nginx"; exit 77; }
[ -n "$CADDY" ] || { echo "no caddy"; exit 77; }

mkdir -p .cache
go build -o .cache/wakeful ./cmd/wakeful
NGINX=$(realpath "$NGINX") CADDY=$(realpath "$CADDY") WAKEFUL_BINARY=$PWD/.cache/wakeful exec go test -count=1 -timeout 120s ./e2e/proxy
