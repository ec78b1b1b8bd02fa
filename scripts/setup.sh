#!/usr/bin/env bash
# Fetches what the tests need beside Go and Node, by the registries' ordinary
# clients: as root with apt-get, else packages unpacked into .cache/root. What
# cannot be had is not an error here: the step that needs it says so and is
# skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache/bin

have() { command -v "$1" >/dev/null 2>&1; }

# provide COMMAND PACKAGE...: has the command on the PATH, or in .cache/bin.
provide() {
	local command=$1
	shift
	have "$command" || [ -x ".cache/bin/$command" ] && return
	have apt-get || return 0
	printf 'fetching %s\n' "$*"
	if [ "$(id -u)" = 0 ]; then
		as_root "$@" >.cache/apt.log 2>&1
	else
		unpack "$@" >.cache/apt.log 2>&1 && wrap "$command" >>.cache/apt.log 2>&1
	fi || { printf 'could not fetch %s:\n' "$*" && tail -n 3 .cache/apt.log; }
}

# provide_apart COMMAND PACKAGE...: the same for servers, which are unpacked for
# root too: installed, they would start.
provide_apart() {
	local command=$1
	shift
	have "$command" || [ -x ".cache/bin/$command" ] && return
	have apt-get && have dpkg-deb || return 0
	printf 'fetching %s\n' "$*"
	unpack "$@" >.cache/apt.log 2>&1 && wrap "$command" >>.cache/apt.log 2>&1 ||
		{ printf 'could not fetch %s:\n' "$*" && tail -n 3 .cache/apt.log; }
}

as_root() {
	[ -e .cache/apt-updated ] || apt-get update -qq && touch .cache/apt-updated
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# unpack PACKAGE...: these and what they need that is not installed here.
unpack() {
	local state=$PWD/.cache/apt
	local options=(-o Dir::State="$state/state" -o Dir::State::status=/var/lib/dpkg/status
		-o Dir::Cache="$state/cache" -o Debug::NoLocking=true -o APT::Sandbox::User=)
	mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial" .cache/root
	[ -e "$state/updated" ] || apt-get "${options[@]}" update -qq && touch "$state/updated"
	apt-get "${options[@]}" install -y -qq --download-only --no-install-recommends "$@"
	local package
	for package in "$state"/cache/archives/*.deb; do
		dpkg-deb --extract "$package" .cache/root
		rm "$package"
	done
}

# wrap COMMAND: makes .cache/bin/COMMAND, which runs what unpack brought.
wrap() {
	local root=$PWD/.cache/root triple
	triple=$(basename "$(find "$root/usr/lib" -maxdepth 1 -name '*-linux-*' -print -quit)")
	case $1 in
	chromium)
		cat >.cache/bin/chromium <<-END
			#!/bin/sh
			export LD_LIBRARY_PATH="$root/lib/$triple$(find "$root/usr/lib/$triple" -maxdepth 1 -type d -printf ':%p')"
			export FONTCONFIG_PATH="$root/etc/fonts" XDG_DATA_DIRS="$root/usr/share"
			exec "$root/usr/lib/chromium/chromium" "\$@"
		END
		;;
	nginx | caddy | pgbouncer)
		cat >".cache/bin/$1" <<-END
			#!/bin/sh
			export LD_LIBRARY_PATH="$root/usr/lib/$triple:$root/lib/$triple"
			exec "$(find "$root/usr/sbin" "$root/usr/bin" -name "$1" -print -quit)" "\$@"
		END
		;;
	gcc)
		# The linker looks in there for what the system has already.
		local library
		for library in libgcc_s.so.1 libc.so.6 libm.so.6 libmvec.so.1 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1; do
			mkdir -p "$root/lib/$triple" "$root/lib64"
			[ ! -e "/lib/$triple/$library" ] || ln -sf "/lib/$triple/$library" "$root/lib/$triple/"
			[ ! -e "/lib64/$library" ] || ln -sf "/lib64/$library" "$root/lib64/"
		done
		cat >.cache/bin/gcc <<-END
			#!/bin/sh
			export LD_LIBRARY_PATH="$root/usr/lib/$triple" PATH="$root/usr/bin:\$PATH"
			exec "$root/usr/bin/gcc" --sysroot="$root" "\$@"
		END
		;;
	esac
	chmod +x ".cache/bin/$1"
}

# provide_postgres [apart]: has PostgreSQL's server where internal/pgtest finds
# it. As root without the cluster that Debian's package makes and starts; apart
# it is unpacked for root too.
provide_postgres() {
	have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || compgen -G '.cache/root/usr/lib/postgresql/*/bin/postgres' >/dev/null && return
	have apt-get || return 0
	printf 'fetching postgresql\n'
	if [ "$(id -u)" = 0 ] && [ "${1-}" != apart ]; then
		without_cluster as_root postgresql >.cache/apt.log 2>&1
	else
		unpack postgresql >.cache/apt.log 2>&1
	fi || { printf 'could not fetch postgresql:\n' && tail -n 3 .cache/apt.log; }
}

# without_cluster COMMAND...: runs it where installing a server makes no cluster.
without_cluster() {
	local config=/etc/postgresql-common/createcluster.conf before status=0
	as_root postgresql-common || return
	before=$(cat "$config") || return
	echo 'create_main_cluster = false' >>"$config"
	"$@" || status=$?
	printf '%s\n' "$before" >"$config"
	return $status
}

if [ "${1-}" = postgres ]; then # no more is asked for
	provide_postgres apart
	exit
fi

provide gcc gcc libc6-dev # for the race detector
provide chromium chromium fonts-dejavu-core
provide_apart nginx nginx
provide_apart caddy caddy
provide_apart pgbouncer pgbouncer
provide_postgres

for lock in client/package-lock.json e2e/*/package-lock.json; do
	[ -e "$lock" ] && have npm || continue
	folder=$(dirname "$lock")
	cmp -s "$lock" "$folder/node_modules/.installed" && continue
	(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) &&
		cp "$lock" "$folder/node_modules/.installed" || printf 'could not fetch what %s lists\n' "$lock"
done
