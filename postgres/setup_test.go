package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// whyRefused opens a source that cannot be, and returns why.
func whyRefused(t *testing.T, c Config) *SetupError {
	t.Helper()
	db, s, err := c.Open()
	if err == nil {
		_ = errors.Join(db.Close(), s.Close())
		t.Fatal("it opened")
	}
	var setup *SetupError
	if !errors.As(err, &setup) {
		t.Fatalf("Open: %v, want a SetupError", err)
	}
	if setup.What == "" || setup.Tried == "" || setup.Cure == "" || !strings.Contains(err.Error(), setup.Cure) {
		t.Errorf("it says %+v", setup)
	}
	return setup
}

func (e *SetupError) want(t *testing.T, what, cure string) {
	t.Helper()
	if !strings.Contains(e.What, what) || !strings.Contains(e.Cure, cure) {
		t.Errorf("it says %q and %q, want %q and %q", e.What, e.Cure, what, cure)
	}
}

// TestServerSettings: each setting that keeps a server from being followed is
// named with the statement that mends it, and that mends it.
func TestServerSettings(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("wal_level", "replica"), pgtest.Set("max_slot_wal_keep_size", "-1"))
	db := server.Database(t)
	c := Config{URL: db.URL}
	whyRefused(t, c).want(t, "wal_level is replica", "ALTER SYSTEM SET wal_level = 'logical'")
	found, err := c.Check(t.Context())
	if err != nil || len(found) < 2 || !found[0].Blocks || !found[0].Restart || !strings.Contains(found[1].What, "max_slot_wal_keep_size") {
		t.Fatalf("Check: %+v, %v", found, err)
	}
	left, err := c.Fix(t.Context())
	if err != nil || len(left) == 0 || left[0].Cure != "restart the server" {
		t.Errorf("Fix left %+v, %v", left, err)
	}
	server.Restart(t)
	open(t, c)
	db.Exec(t, "ALTER SYSTEM SET max_slot_wal_keep_size = -1", "SELECT pg_reload_conf()")
	eventually(t, func() bool { return db.Value(t, "SHOW max_slot_wal_keep_size") == "-1" })
	c.Name = "another"
	whyRefused(t, c).want(t, "max_slot_wal_keep_size is -1", "ALTER SYSTEM SET max_slot_wal_keep_size")
	c.UnboundedWAL = true
	open(t, c)
}

// TestStandbyIsRefused: a standby is none, and is passed over where the primary
// is named beside it.
func TestStandbyIsRefused(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := server.Database(t)
	standby := server.Standby(t)
	whyRefused(t, Config{URL: standby.DatabaseURL(db.Name)}).want(t, "is a standby", "primary")
	open(t, Config{URL: fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable", standby.Port, server.Port, db.Name)})
}

// TestRoleWithoutRights: what a role may not is said with the statement that a
// superuser runs, and with those it can.
func TestRoleWithoutRights(t *testing.T) {
	db := pgtest.Database(t)
	role := db.Name + "_role"
	db.Exec(t, "CREATE ROLE "+role+" LOGIN", itemTable)
	t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	c := Config{URL: strings.Replace(db.URL, "://postgres@", "://"+role+"@", 1)}
	e := whyRefused(t, c)
	e.want(t, "may not read the server's log", "REPLICATION as a superuser")
	db.Exec(t, e.Statements...)
	e = whyRefused(t, c)
	e.want(t, "there is no publication wakeful", "CREATE PUBLICATION")
	cure, ok := strings.CutPrefix(e.Cure, "as a superuser run ")
	if !ok {
		t.Fatalf("the cure is %q", e.Cure)
	}
	db.Exec(t, strings.Split(cure, "; ")...)
	_, s := open(t, c)
	err := s.Covers(t.Context(), "item")
	if err == nil || !strings.Contains(err.Error(), `ALTER PUBLICATION "wakeful" ADD TABLE ONLY "public"."item"`) {
		t.Errorf("Covers of a table that the role does not own: %v", err)
	}
	db.Exec(t, `ALTER PUBLICATION "wakeful" ADD TABLE ONLY "public"."item"`)
	follow(t, s).until(func() bool { return s.Covers(t.Context(), "item") == nil })
}

// TestOldServer: a version that cannot be followed is named.
func TestOldServer(t *testing.T) {
	var c Config
	list := c.problems(&server{version: 130004, level: "replica"})
	if len(list) != 1 {
		t.Fatalf("%d problems", len(list))
	}
	list[0].want(t, "PostgreSQL 13", "14 or later")
}

// TestPublicationOfAllTables: one that would have updates of tables without a
// key fail in the app is refused; one that leaves things out is mended.
func TestPublicationOfAllTables(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, "CREATE PUBLICATION wakeful FOR ALL TABLES")
	e := whyRefused(t, Config{URL: db.URL})
	e.want(t, "is of all tables", `DROP PUBLICATION "wakeful"`)
	db.Exec(t, e.Statements...)
	db.Exec(t, "CREATE PUBLICATION wakeful WITH (publish = 'insert')")
	open(t, Config{URL: db.URL})
	if got := db.Value(t, "SELECT pubupdate AND pubdelete AND pubtruncate AND pubviaroot FROM pg_publication"); got != "t" {
		t.Error("the publication leaves things out")
	}
}

// TestNames: a name that would need quotes is refused.
// TestSettingsOfTheURL: what would make values other texts than those in the log
// is refused, and what the database sets by itself does not count.
func TestSettingsOfTheURL(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://x@localhost/x?timezone=Europe/Ljubljana")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSettings(config); err == nil || !strings.Contains(err.Error(), "timezone") {
		t.Errorf("another time zone is answered %v", err)
	}
	db := pgtest.Database(t)
	for _, set := range []string{"timezone = 'Asia/Tokyo'", "datestyle = 'German'", "standard_conforming_strings = off", "transform_null_equals = on"} {
		db.Exec(t, "ALTER DATABASE "+quote(db.Name)+" SET "+set)
	}
	handle, source, err := Config{URL: db.URL + "&TimeZone=utc"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer handle.Close()
	var zone, text, none string
	if err := handle.QueryRow(`SELECT '2026-01-01 00:00Z'::timestamptz::text, '\n', coalesce((NULL = NULL)::text, 'none')`).Scan(&zone, &text, &none); err != nil {
		t.Fatal(err)
	}
	if zone != "2026-01-01 00:00:00+00" || text != `\n` || none != "none" {
		t.Errorf("statements mean %q, %q, %q", zone, text, none)
	}
}

func TestConfigName(t *testing.T) {
	for _, name := range []string{"Wakeful", "1a", "a-b", "a b", `a"b`, strings.Repeat("a", 41), "é"} {
		if _, _, err := (Config{URL: "postgres://nobody@127.0.0.1:1/x", Name: name}).Open(); err == nil || !strings.Contains(err.Error(), "Config.Name") {
			t.Errorf("Name %q: %v", name, err)
		}
	}
}

// TestCheckFixDrop: what is missing is found and made, tables that cannot be
// followed are named, and all of it can be taken away again.
func TestCheckFixDrop(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, "CREATE TABLE keyless (a int)", "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)")
	c := Config{URL: db.URL, Name: "other"}
	check := func(do func(context.Context) ([]Finding, error)) string {
		found, err := do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range found {
			if f.What == "" || f.Tried == "" || f.Cure == "" || f.Blocks {
				t.Errorf("%+v", f)
			}
			all = append(all, f.What)
		}
		return strings.Join(all, "\n")
	}
	for _, want := range []string{"no publication other", "no replication slot other_", "no event trigger other_schema", "item is not published yet", "keyless are not", "fleeting are not"} {
		if got := check(c.Check); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	got := check(c.Fix)
	if strings.Contains(got, "publication") || strings.Contains(got, "item") || strings.Contains(got, "event trigger") || !strings.Contains(got, "keyless") {
		t.Errorf("Fix left\n%s", got)
	}
	handle, s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, s)
	f.connected()
	if err := c.Drop(t.Context()); err == nil || !strings.Contains(err.Error(), "is read by another program") {
		t.Errorf("Drop while it is followed: %v", err)
	}
	f.stop()
	if err := errors.Join(handle.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return c.Drop(t.Context()) == nil })
	for what, query := range map[string]string{
		"slots": "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()", "publications": "SELECT count(*) FROM pg_publication",
		"event triggers": "SELECT count(*) FROM pg_event_trigger", "schemas": "SELECT count(*) FROM pg_namespace WHERE nspname = 'other'",
	} {
		if n := db.Value(t, query); n != "0" {
			t.Errorf("%s %s are left", n, what)
		}
	}
}
