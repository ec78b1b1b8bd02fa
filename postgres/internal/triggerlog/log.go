// Package triggerlog is the change log of a database that cannot be followed by
// its own: triggers write each changed row to a table. It has the SQL of that
// table and of the triggers, and puts what is read from the table together to
// committed transactions.
//
// What it relies on:
//
//   - A row of the log is part of the transaction that changed the row it tells
//     of: it is seen when that is seen, and is gone when that was rolled back,
//     savepoints included.
//   - Ids are given when a row has been changed and its lock is held. So of two
//     transactions that changed one row, the one that committed first has the
//     lower ids; their greatest ids are an order in which no row goes back.
//   - Rows are written only while somebody holds the log's advisory lock, which
//     ends with the connection that holds it. A transaction that finds nobody
//     holds it too, shared, to its end: who begins to follow waits for all who
//     did not write, and for no others. So nothing grows while nobody follows.
//   - What one transaction writes of one table is bounded: above the bound it
//     says that anything may have changed, once.
//
// Nothing here does any I/O.
//
// Pipeline: triggers → [triggerlog] → gate → source.
package triggerlog

import (
	"fmt"
	"hash/crc32"
	"strings"
)

// Log is a change log by its name, which is that of its schema and of the
// channel that wakes who reads it.
type Log struct {
	Name     string // lower-case letters, digits and _
	MaxRows  int    // of one table that one transaction writes with their values
	MaxBytes int    // that these take
}

// What a row of the log says. In capitals it was written while another
// statement ran, whose own rows may come behind it.
const (
	opInsert = "i"
	opUpdate = "u"
	opDelete = "d"
	opAny    = "e" // any row of the table may have changed
)

// lockClass is the first number of the advisory locks: "WAKE".
const lockClass = 0x57414b45

// Lock is the two numbers of the advisory lock that who follows the log holds.
func (l Log) Lock() string {
	return fmt.Sprintf("%d, %d", lockClass, int32(crc32.ChecksumIEEE([]byte(l.Name))))
}

// text fills in SQL: $log, $lock, $rows and $share.
func (l Log) text(sql string) string {
	return strings.NewReplacer("$log", l.Name, "$lock", l.Lock(), "$rows", fmt.Sprint(l.MaxRows),
		"$share", fmt.Sprint(max(1, l.MaxBytes/max(1, l.MaxRows)))).Replace(sql)
}

// note is the trigger. How much a transaction has written of a table, counted
// in rows and in shares of the bytes, it keeps in a setting that ends with the
// transaction and goes back with a savepoint: 0 is nothing yet, -1 that nobody
// follows.
const note = `CREATE OR REPLACE FUNCTION $log.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, MDY' SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $body$
DECLARE
	setting CONSTANT text := '$log.t' || TG_RELID;
	own CONSTANT text := pg_current_xact_id();
	said CONSTANT text := current_setting(setting, true);
	weight bigint := 0;
	op "char" := CASE TG_OP WHEN 'INSERT' THEN 'i' WHEN 'UPDATE' THEN 'u' WHEN 'DELETE' THEN 'd' ELSE 'e' END;
	was text;
	becomes text;
	stack text;
BEGIN
	IF split_part(said, ':', 1) = own THEN
		weight := split_part(said, ':', 2);
	END IF;
	IF weight < 0 OR weight > $rows THEN
		RETURN NULL;
	END IF;
	IF weight = 0 THEN
		IF pg_try_advisory_xact_lock_shared($lock) THEN
			PERFORM set_config(setting, own || ':-1', true);
			RETURN NULL;
		END IF;
		IF current_setting('max_prepared_transactions') = '0' THEN -- who has notified cannot PREPARE TRANSACTION
			PERFORM pg_notify('$log', '');
		END IF;
	END IF;
	IF op = 'e' THEN
		weight := $rows;
	ELSE
		IF op <> 'i' THEN
			was := OLD::text;
		END IF;
		IF op <> 'd' THEN
			becomes := NEW::text;
		END IF;
		GET DIAGNOSTICS stack = PG_CONTEXT;
		IF position(E'\n' IN stack) > 0 THEN
			op := upper(op::text);
		END IF;
	END IF;
	weight := weight + 1 + (coalesce(octet_length(was), 0) + coalesce(octet_length(becomes), 0)) / $share;
	IF weight > $rows THEN
		INSERT INTO $log.log (rel, op) VALUES (TG_RELID, 'e');
	ELSE
		INSERT INTO $log.log (rel, op, old, new) VALUES (TG_RELID, op, was, becomes);
	END IF;
	PERFORM set_config(setting, own || ':' || weight, true);
	RETURN NULL;
END
$body$`

// Create lists the statements that make the log. Those who change tables need
// no rights on it.
func (l Log) Create() []string {
	return []string{
		l.text("CREATE SCHEMA IF NOT EXISTS $log"),
		l.text(`CREATE TABLE IF NOT EXISTS $log.log (id bigserial, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), ` +
			`rel oid NOT NULL, op "char" NOT NULL, old text, new text) ` +
			`WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1)`),
		l.text("CREATE INDEX IF NOT EXISTS log_xid ON $log.log (xid)"),
		l.text(note),
		l.text("REVOKE ALL ON FUNCTION $log.note() FROM PUBLIC"),
		l.text("COMMENT ON SCHEMA $log IS '" + Comment + "'"),
		l.text("COMMENT ON FUNCTION $log.note() IS '" + l.Version() + "'"),
	}
}

// Drop lists the statements that remove the log, and all triggers with it.
func (l Log) Drop() []string {
	return []string{l.text("DROP FUNCTION IF EXISTS $log.note() CASCADE"), l.text("DROP SCHEMA IF EXISTS $log CASCADE")}
}

// The names of the triggers begin with what sorts before all others, so that
// they are called before others that change more rows.
func (l Log) rowTrigger() string      { return `"!` + l.Name + `"` }
func (l Log) truncateTrigger() string { return `"!` + l.Name + `_truncate"` }

// FollowRows lists the statements that have changes of a table's rows written.
// Of a partitioned table the server makes the trigger of each of its parts;
// parts has the table itself too. They are called in every
// session_replication_role.
func (l Log) FollowRows(table string, parts []string) []string {
	statements := []string{
		fmt.Sprintf("CREATE OR REPLACE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s.note()",
			l.rowTrigger(), table, l.Name),
	}
	for _, part := range parts {
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", part, l.rowTrigger()))
	}
	return statements
}

// FollowTruncate lists the statements that have it written when a table is
// emptied, for a partitioned table and for each partition.
func (l Log) FollowTruncate(table string) []string {
	return []string{
		fmt.Sprintf("CREATE OR REPLACE TRIGGER %s AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s.note()",
			l.truncateTrigger(), table, l.Name),
		fmt.Sprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, l.truncateTrigger()),
	}
}

// Comment is that of the schema: its tables are no tables of the app.
const Comment = "the change log of Wakeful"

// Version tells one form of the trigger from another.
func (l Log) Version() string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(l.text(note)))) }

// VersionQuery asks for the version that the database has, "" for none.
func (l Log) VersionQuery() string {
	return l.text("SELECT coalesce(obj_description(to_regprocedure('$log.note()'), 'pg_proc'), '')")
}

// LockRow is how pg_locks shows the lock: (classid, objid)::text.
func (l Log) LockRow() string {
	return fmt.Sprintf("(%d,%d)", uint32(lockClass), crc32.ChecksumIEEE([]byte(l.Name)))
}

// RowsQuery reads rows of the log.
func (l Log) RowsQuery(where string) string {
	return l.text("SELECT id, xid, rel, op, old, new FROM $log.log WHERE ") + where + " ORDER BY id"
}

// TrimStatement deletes what one snapshot shows and another did not: xmax and
// the list of those in progress of the one before, and of the one now.
func (l Log) TrimStatement() string {
	return l.text("SET LOCAL synchronous_commit = off; DELETE FROM $log.log WHERE (xid >= '%[1]s'::xid8 OR xid = ANY('%[2]s'::xid8[])) " +
		"AND xid < '%[3]s'::xid8 AND xid <> ALL('%[4]s'::xid8[])")
}
