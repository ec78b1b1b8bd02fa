# Sourced by lint.sh and test.sh: checks that take more than one command.
# shellcheck shell=bash

# check_format fails where gofmt would change a file of ours.
check_format() {
	local files
	files=$(find . -name '*.go' -not -path './.cache/*' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l)
	[ -z "$files" ] || { printf 'not as gofmt writes it:\n%s\n' "$files"; return 1; }
}

# check_static runs staticcheck at its pinned version. It is kept in .cache, so
# that it is neither in our go.mod nor in that of anybody who uses us.
check_static() {
	local bin=.cache/staticcheck-$STATICCHECK
	[ -x "$bin/staticcheck" ] || GOBIN=$PWD/$bin go install "honnef.co/go/tools/cmd/staticcheck@$STATICCHECK"
	"$bin/staticcheck" ./...
}

# check_system SYSTEM vets and builds all packages for another system.
check_system() {
	GOOS=$1 CGO_ENABLED=0 go vet ./... && GOOS=$1 CGO_ENABLED=0 go build ./...
}

# run_ends_to_end runs every e2e/<name>/test.sh. Each runs from the root of the
# repository, leaves nothing running, and exits with 0 (passed), 77 (what it
# needs cannot be had here; its last line says what) or anything else (failed).
run_ends_to_end() {
	local script status
	for script in e2e/*/test.sh; do
		[ -e "$script" ] || continue
		printf -- '-- %s\n' "$script"
		status=0
		bash "$script" 2>&1 | tee .cache/end-to-end.log || status=${PIPESTATUS[0]}
		case $status in
		0) ;;
		77) skip "$script: $(tail -n 1 .cache/end-to-end.log)" ;;
		*) return 1 ;;
		esac
	done
}

# run_clients tests the TypeScript clients, or skips them where there is no npm.
run_clients() {
	local status=0
	./scripts/client.sh 2>&1 | tee .cache/clients.log || status=${PIPESTATUS[0]}
	[ "$status" != 77 ] || { skip "TypeScript clients: $(tail -n 1 .cache/clients.log)"; return 0; }
	return "$status"
}

# run_tests NAME ARGUMENTS...: go test; what it says is kept for the summary.
run_tests() {
	local name=$1
	shift
	# shellcheck disable=SC2086 # a list of packages
	go test "$@" ${PACKAGES:-./...} 2>&1 | grep --line-buffered -v '\[no test files\]' | tee ".cache/$name.log"
	return "${PIPESTATUS[0]}"
}

# run_race is run_tests under the race detector, which is left out with a word
# where there is no C compiler for it. The published client has had its turn
# without it; what it makes the server do, e2e does too.
run_race() {
	: >.cache/race.log
	if ! command -v "$(go env CC)" >/dev/null; then
		skip "tests with the race detector: no C compiler"
		return 0
	fi
	PACKAGES=$(go list ./... | grep -v /e2e/resolwe) WAKEFUL_RACE=1 CGO_ENABLED=1 run_tests race -race -timeout 20m
}
