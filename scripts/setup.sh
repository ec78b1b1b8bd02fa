#!/usr/bin/env bash
# Fetches what the tests need beside Go and Node, by the registries' ordinary
# clients: as root with apt-get, else packages unpacked into .cache/. What
# cannot be had is not an error here: the test that needs it says so and is
# skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache

have() { command -v "$1" >/dev/null 2>&1; }

# apt_update refreshes the lists once in a run.
updated=
apt_update() {
	[ -n "$updated" ] && return
	apt-get update -qq && updated=yes
}

# install COMMAND PACKAGE...: has the command on the PATH, as root.
install() {
	local command=$1
	shift
	have "$command" && return
	have apt-get && [ "$(id -u)" = 0 ] || return 0
	apt_update && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >.cache/apt.log 2>&1 ||
		{ printf 'could not install %s:\n' "$*"; tail -n 3 .cache/apt.log; }
}

install gcc gcc libc6-dev # for the race detector
install chromium chromium fonts-dejavu-core

for package in e2e/*/package-lock.json; do
	[ -e "$package" ] && have npm || continue
	folder=$(dirname "$package")
	cmp -s "$package" "$folder/node_modules/.installed" && continue
	(cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) &&
		cp "$package" "$folder/node_modules/.installed" || printf 'could not install what %s lists\n' "$package"
done
