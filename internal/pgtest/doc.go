// Package pgtest starts real PostgreSQL servers for tests.
//
//	db := pgtest.Database(t)          // an empty database, on a server that all tests of this binary share
//	server := pgtest.Start(t)         // a server of one's own, to stop, to kill, to fail over from
//	standby := server.Standby(t)      // one that streams from it
//
// It promises: a server never runs as root; it listens on loopback only; it,
// its processes and its folder are gone when the test binary ends, in whatever
// way it ends. Texts are ordered as people of a language order them (where the
// server has ICU), as most installations have it: who wants the order of bytes
// says COLLATE "C". Where no server can be had the test is skipped with what is
// missing; in CI (CI=true) it fails.
//
// The programs are those in the folder WAKEFUL_POSTGRES, else on the PATH, in
// /usr/lib/postgresql, or unpacked by scripts/setup.sh.
//
// For tests; in no pipeline.
package pgtest
