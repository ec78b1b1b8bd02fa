#!/usr/bin/env bash
# The demo. DB is what it lies in: nothing (a temporary SQLite file), postgres (a
# server that is started for it and thrown away), or the URL of a database.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
go build -o .cache/wakeful ./cmd/wakeful
case ${DB-} in
'') exec .cache/wakeful demo "$@" ;;
postgres) ;;
*) exec .cache/wakeful demo --db "$DB" "$@" ;;
esac

./scripts/setup.sh postgres

# programs: the folder of PostgreSQL's, as internal/pgtest looks for them.
programs() {
	local candidate
	for candidate in "${WAKEFUL_POSTGRES-}" "$(dirname "$(readlink -f "$(command -v postgres || echo /-/-)")")" \
		$(printf '%s\n' /usr/lib/postgresql/*/bin "$PWD"/.cache/root/usr/lib/postgresql/*/bin | sort -Vr); do
		[ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ] && printf '%s' "$candidate" && return
	done
	return 1
}
folder=$(programs) || {
	echo 'no PostgreSQL server: install Debian'\''s package postgresql, or name the folder of its programs in WAKEFUL_POSTGRES' >&2
	exit 1
}

# A server does not run as root.
as=()
if [ "$(id -u)" = 0 ]; then
	user=postgres
	id "$user" >/dev/null 2>&1 || user=nobody
	as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi
libraries=
if [[ $folder == "$PWD"/.cache/root/* ]]; then
	libraries=$(printf '%s:' "$PWD"/.cache/root/usr/lib/*-linux-* "$PWD"/.cache/root/lib/*-linux-*)
fi
run() { (cd / && "${as[@]}" env LD_LIBRARY_PATH="$libraries" LC_ALL=C "$folder/$1" "${@:2}"); }

data=$(mktemp -d /tmp/wakeful-demo-XXXXXX)
[ ${#as[@]} = 0 ] || chown "$user" "$data"

# One waits for the end of this script, whatever ends it, and clears away.
exec {leash}> >(
	trap '' HUP INT TERM
	while read -r _; do :; done
	run pg_ctl -D "$data/pg" -m immediate -w stop >/dev/null 2>&1
	rm -rf "$data"
)
keeper=$!

run initdb -D "$data/pg" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
run pg_ctl -D "$data/pg" -l "$data/log" -w start -o "-c listen_addresses= -c unix_socket_directories=$data -c unix_socket_permissions=0700 \
	-c wal_level=logical -c max_slot_wal_keep_size=1GB -c fsync=off" >/dev/null {leash}>&- || {
	cat "$data/log" >&2
	exit 1
}

psql=psql
if ! command -v psql >/dev/null; then
	mkdir -p .cache/bin
	printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s/psql" "$@"\n' "$libraries" "$folder" >.cache/bin/psql
	chmod +x .cache/bin/psql
	psql=$PWD/.cache/bin/psql
fi

.cache/wakeful demo --db "postgres://postgres@/postgres?host=$data" --psql "$psql" "$@" {leash}>&- &
demo=$!
trap 'kill -TERM "$demo" 2>/dev/null' INT TERM HUP
status=0
while kill -0 "$demo" 2>/dev/null; do
	wait "$demo" && status=0 || status=$?
done
exec {leash}>&-
wait "$keeper" 2>/dev/null || true
exit "$status"
