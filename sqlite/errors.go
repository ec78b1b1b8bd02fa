package sqlite

import (
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// code returns SQLite's primary result code of an error, 0 for another error.
func code(err error) int {
	var e *driversqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

// explain adds to an error of SQLite what can be done about it.
func explain(path string, err error) error {
	var hint string
	switch code(err) {
	case sqlite3.SQLITE_NOTADB:
		hint = "the file is not an SQLite database, or it is encrypted"
	case sqlite3.SQLITE_CORRUPT:
		hint = "the database is damaged; restore it from a backup"
	case sqlite3.SQLITE_CANTOPEN:
		hint = "the file cannot be opened; does the directory exist, and may this process read and write the file?"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		hint = "the file or its directory cannot be written; WAL mode needs both, also for readers"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		hint = "another process keeps the database locked; end its transaction, or raise Config.BusyTimeout"
	case sqlite3.SQLITE_FULL:
		hint = "the disk is full"
	case sqlite3.SQLITE_IOERR:
		hint = "the file cannot be read or written; WAL mode needs a local file system"
	default:
		return fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return fmt.Errorf("sqlite: open %s: %s: %w", path, hint, err)
}
