#!/usr/bin/env bash
# Format, vet for every system that we build for, staticcheck, the layers.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/steps.sh"
source scripts/checks.sh

step "gofmt" check_format
step "go vet" go vet ./...
step "staticcheck $STATICCHECK" check_static
step "layers and house rules" go test ./internal/arch
step "go vet and build for darwin" check_system darwin
step "go vet and build for windows" check_system windows
summary
