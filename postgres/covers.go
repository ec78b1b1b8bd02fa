package postgres

import (
	"context"
	"time"

	"github.com/wakeful-dev/wakeful/source"
)

// adoptPatience is how long Covers waits for a table that is being published.
const adoptPatience = 2 * time.Second

// Covers returns nil when changes of a table are reported.
func (s *Source) Covers(ctx context.Context, name string) error {
	schema, _ := splitName(name)
	if schema == "pg_catalog" || schema == "information_schema" {
		return &source.UncoveredError{
			Table: name, Reason: "is part of the system catalogue",
			Cure: "say what else its list depends on by wakeful.DependsOn, or poll",
		}
	}
	t := s.tables.get(name)
	if s.tables.mayHave(t) {
		wait, cancel := context.WithTimeout(ctx, adoptPatience)
		defer cancel()
		err := s.adoptNew(wait)
		if err != nil && wait.Err() == nil {
			return err
		}
		t = s.tables.get(name)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.uncovered(name, t)
}

// mayHave reports whether it is worth looking whether a table is covered by
// now.
func (t *tables) mayHave(one *table) bool {
	switch {
	case one == nil || one.published && !one.ready:
		return true
	case one.ready || one.partition || one.kind == "v":
		return false
	}
	return time.Since(time.Unix(0, t.looked.Load())) > catalogEvery
}

// get returns what is known of a table, nil for nothing.
func (t *tables) get(name string) *table {
	if known := t.known.Load(); known != nil {
		return (*known)[name]
	}
	return nil
}

// uncovered says why changes of a table are not reported, nil when they are.
func (s *Source) uncovered(name string, t *table) error {
	e := &source.UncoveredError{Table: name}
	elsewhere := "read the tables that it is made from, or say what its list depends on by wakeful.DependsOn, or poll"
	switch {
	case t == nil:
		e.Reason, e.Cure = "is no table of the database "+s.server.Load().database, "see whether it is spelled right, or whether it is temporary"
	case t.partition:
		return nil // as what it is a partition of
	case t.kind == "v":
		return nil // what it reads is named beside it
	case t.kind == "m":
		e.Reason, e.Cure = "is a materialized view, whose refresh is not in the server's log", elsewhere
	case t.kind == "f":
		e.Reason, e.Cure = "is a foreign table, whose rows change elsewhere", elsewhere
	case t.persistence == "u":
		e.Reason, e.Cure = "is unlogged", "run ALTER TABLE "+t.sql()+" SET LOGGED"
	case t.persistence == "t":
		e.Reason, e.Cure = "is temporary", elsewhere
	case !t.keyed && t.kind == "p":
		e.Reason = "has no key that all its partitions have"
		e.Cure = "run ALTER TABLE " + t.sql() + " ADD PRIMARY KEY (…), and see that no partition is unlogged, foreign or REPLICA IDENTITY NOTHING"
	case !t.keyed:
		e.Reason = "has no key by which the server's log could name its rows"
		e.Cure = "run ALTER TABLE " + t.sql() + " ADD PRIMARY KEY (…), or else ALTER TABLE " + t.sql() + " REPLICA IDENTITY FULL"
	case !t.published && s.cfg.Triggers:
		e.Reason = "has no triggers that say what changes, and the role " + s.server.Load().role + " may not make them, or is not let to by those who write to it"
		e.Cure = "run ALTER TABLE " + t.sql() + " OWNER TO " + quote(s.server.Load().role)
	case t.partly:
		e.Reason = "is in the publication " + s.cfg.name() + ", which leaves rows, columns or kinds of changes out"
		e.Cure = "as its owner run " + s.alterPublication() + "; ALTER PUBLICATION " + quote(s.cfg.name()) + " DROP TABLE " + t.sql() +
			"; ALTER PUBLICATION " + quote(s.cfg.name()) + " ADD TABLE ONLY " + t.sql()
	case !t.published:
		e.Reason = "is not in the publication " + s.cfg.name() + ", and the role " + s.server.Load().role + " may not add it"
		e.Cure = "as its owner run ALTER PUBLICATION " + quote(s.cfg.name()) + " ADD TABLE ONLY " + t.sql() +
			", or ALTER TABLE " + t.sql() + " OWNER TO " + quote(s.server.Load().role)
	case !t.ready:
		e.Reason = "was published just now, and older transactions that may have changed it are still open"
		e.Cure = "try again when they have ended: SELECT pid, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
	default:
		return nil
	}
	return e
}
