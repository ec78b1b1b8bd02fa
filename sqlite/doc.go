// Package sqlite makes an SQLite database a source of changes and a recorder
// of reads. It sees every commit to the file, whoever makes it.
//
//	db, source, err := sqlite.Open("app.db")
//
// # Own commits
//
// Open returns a *sql.DB. Rows that are written through it are noted by
// SQLite's preupdate hook, old and new, with no row in the file and no
// statement rewritten. The commit hook takes the source's commit lock; when
// the driver call that committed has returned, the transaction gets the next
// number, is published, and the lock is freed. What failed or was rolled back
// (a statement, a savepoint, a transaction) is not published. A snapshot is
// opened under the same lock, so its number is exact.
//
// # Commits of others
//
// Another process, or another handle in this one, is seen by the count of
// commits that SQLite keeps in the shared wal-index: the source knows which of
// them are its own. What others wrote is not known by row unless a trigger log
// is installed (Config.TriggerLog, InstallLog); without one a commit of theirs
// is a changeset that says Everything. On Linux they are noticed through
// inotify, elsewhere by polling; and always before a snapshot is opened and
// before an own commit, so the order is exact whatever the delay.
//
// # The file
//
// Open switches the file to WAL mode, which stays with the file, and sets a
// busy timeout of 5 s, foreign_keys on and synchronous NORMAL for each
// connection. While the stream is read, the log is copied into the file beside
// the commits and not within them; only where they leave no gap it grows to
// 40 MB and one of them does it (Config.Pragmas with a wal_autocheckpoint leaves
// all of it to SQLite). All that writes the file must be on this host (WAL's own
// condition). While a source lives, no code of the process may open and close
// the database file or its -shm file by other means than SQLite: closing any
// descriptor of a file drops the POSIX locks that the process holds on it.
//
// # What is not reported
//
// Virtual tables and their shadow tables, TEMP tables, attached databases and
// SQLite's own tables; Covers says so. Values of VIRTUAL generated columns are
// change.Unknown. A change of the schema, and a table of which one transaction
// changes more than Config.MaxRows rows, are reported without rows.
//
// Close in this order: the server, db.Close, source.Close.
//
// Pipeline: database → [sqlite] → affected; handler → [sqlite] → database.
package sqlite
