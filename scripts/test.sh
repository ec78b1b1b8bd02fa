#!/usr/bin/env bash
# Everything that must hold: lint, the tests with and without the race
# detector, the tests in other languages. WAKEFUL_RACE=1 tells the property
# tests that they run about ten times slower and should do a share.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/steps.sh"
source scripts/checks.sh

step "set up" ./scripts/setup.sh
step "gofmt" check_format
step "go vet" go vet ./...
step "staticcheck $STATICCHECK" check_static
step "layers and house rules" go test ./internal/arch
step "go vet and build for darwin" check_system darwin
step "go vet and build for windows" check_system windows
step "TypeScript clients" run_clients
step "tests" run_tests tests -timeout 15m
step "end to end" run_ends_to_end
step "tests with the race detector" run_race
summary

printf '\n== go test ./...\n'
cat .cache/tests.log
printf '\n== go test -race ./...\n'
cat .cache/race.log
