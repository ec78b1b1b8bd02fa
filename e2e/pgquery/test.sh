#!/usr/bin/env bash
# The grammar of PostgreSQL itself beside ours, in a module of its own.
set -euo pipefail

cd e2e/pgquery
go vet -mod=mod ./... && go test -mod=mod ./...
