#!/usr/bin/env bash
# The modules beside ours: what stands between apps and us, in tests and in
# examples. They are modules of their own so that what they need is in nobody's
# go.mod who uses Wakeful.
set -euo pipefail

for module in e2e/orm examples/gin examples/echo; do
	(cd "$module" && go vet -mod=mod ./... && go test -mod=mod ./...)
done
