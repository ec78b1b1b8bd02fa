// Package postgres makes a PostgreSQL database a source of changes and a
// recorder of reads. It sees every commit, whoever makes it.
//
//	db, source, err := postgres.Open("postgres://app@localhost/app")
//
// # Tables and values
//
// A table of the schema public is named by its name alone, any other as
// "schema.table"; a part that has a dot or a quote in it stands in double
// quotes. Images of changes have integers as int64, floating point as float64,
// booleans as bool, text types as string, bytea as []byte. A value of any other
// type is the text that the server writes for it with ISO dates, in UTC.
//
// # What is recorded
//
// The handle of Open and the pool of OpenPool note what an evaluation reads, and
// have it read in the evaluation's snapshot. Which tables a statement reads the
// database tells: it is planned in a transaction of its own, whose locks are
// looked at. Where it calls functions that are not inlined it runs in a
// transaction of its own in the same snapshot each time, and the locks are
// looked at after that. A function that catches errors gives back its locks
// with them: its tables are those that its source names, and one that composes
// statements too is refused.
//
// What alters a session (SET search_path, set_config, …) holds for reads of an
// evaluation only on the connection or in the transaction where it was said: they
// run there, in the state of that moment. With pgx the same is true of a
// transaction that is begun neither READ ONLY nor as REPEATABLE READ; Tx has
// the snapshot. A result of a view is read whole before the next statement runs.
// Connections have the time zone UTC unless the URL says otherwise.
//
// # Without logical replication
//
// Config.Triggers follows a database whose own log cannot be read (wal_level is
// not logical and cannot be changed, no role may have REPLICATION). Triggers on
// each table write every changed row, as it was and as it becomes, to the table
// log of a schema called Config.Name, in the very transaction that changes it;
// NOTIFY only wakes who reads it. The promises are the same, and tables without
// a key are followed too. It needs a role that owns the tables and may create a
// schema; who writes needs no rights on it. What it costs:
//
//   - Each row that is written costs the server five to ten times the work
//     (measured: transactions of one row, eight at a time and without a disk, come
//     at a fifth of the rate; a statement of 9,000 rows takes ten times as long;
//     where nobody follows, two to three times). A row with large values is
//     written whole. Above MaxRows rows of a table one transaction writes no
//     more of them.
//   - A NOTIFY in a transaction has it wait at its commit for others that
//     notify. Where max_prepared_transactions is not 0 there is none, and changes
//     are seen up to a second later.
//   - The connection that reads holds an advisory lock. While nobody holds it
//     nothing is written and nothing grows; when it is lost all lists are
//     evaluated again. A transaction that began to write while nobody read
//     keeps Open waiting until it ends.
//   - What has been read is deleted within seconds, and autovacuum is set to
//     follow closely.
//   - ALTER TABLE … DISABLE TRIGGER ALL, and a partition that is emptied in the
//     first two seconds of its life, are noticed up to two seconds later. Values
//     of the types regclass and the like, and money, are not known.
//
// Config.Drop removes it all.
//
// Pipeline: database → [postgres] → affected; handler → [postgres] → database.
package postgres
