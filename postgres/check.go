package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/wakeful-dev/wakeful/source"
)

// Finding is something about a database that is not as it should be.
type Finding struct {
	What  string // is wrong
	Tried string // how it was found
	Cure  string // what mends it, as text
	// Statements mend it, where statements do; Fix runs them. Restart says that
	// the server has to be restarted behind them.
	Statements []string
	Restart    bool
	// Blocks says that the database cannot be followed until it is mended.
	Blocks bool
	// Table is the one that it is about, "" for the whole database.
	Table string
}

func (e *SetupError) finding() Finding {
	return Finding{What: e.What, Tried: e.Tried, Cure: e.Cure, Statements: e.Statements, Restart: e.Restart, Blocks: true}
}

// Check lists what is not as it should be: what keeps the database from being
// followed first, then what is missing of what Open makes, then the tables
// whose changes are not reported. It alters nothing. An error says that the
// server could not be asked.
func (c Config) Check(ctx context.Context) ([]Finding, error) {
	s, err := c.connect()
	if err != nil {
		return blocking(err)
	}
	defer s.Close()
	return s.check(ctx)
}

// blocking is an error as a finding, where it says what mends it.
func blocking(err error) ([]Finding, error) {
	var setup *SetupError
	if errors.As(err, &setup) {
		return []Finding{setup.finding()}, nil
	}
	return nil, err
}

func (s *Source) check(ctx context.Context) ([]Finding, error) {
	v, err := s.look(ctx)
	if err != nil {
		return blocking(err)
	}
	s.server.Store(&v)
	var list []Finding
	for _, e := range s.cfg.problems(&v) {
		list = append(list, e.finding())
	}
	if len(list) == 0 && !s.cfg.Triggers {
		if conn, _, err := s.connectLog(ctx); err == nil {
			_ = conn.Close(ctx)
		} else if list, err = blocking(err); err != nil {
			return nil, err
		}
	}
	if v.recovery || v.version < oldest {
		return list, nil
	}
	made := s.checkMade
	if s.cfg.Triggers {
		made = s.checkTriggerLog
	}
	for _, look := range []func(context.Context) ([]Finding, error){made, s.checkTables} {
		found, err := look(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// checkMade lists what Open would make.
func (s *Source) checkMade(ctx context.Context) (list []Finding, err error) {
	published, whole, all, err := s.lookPublication(ctx)
	switch {
	case err != nil:
		return nil, err
	case all:
		list = append(list, s.errAllTables().finding())
	case !published:
		list = append(list, Finding{
			What: "there is no publication " + s.cfg.name() + " yet", Tried: "SELECT FROM pg_publication",
			Cure: "it is made at the next start", Statements: []string{s.createPublication()},
		})
	case !whole:
		list = append(list, Finding{
			What: "the publication " + s.cfg.name() + " leaves changes out", Tried: "SELECT FROM pg_publication",
			Cure: "it is altered at the next start", Statements: []string{s.alterPublication()},
		})
	}
	v, err := s.lookSlot(ctx)
	switch {
	case err != nil:
		return nil, err
	case !v.exists:
		list = append(list, Finding{
			What: "there is no replication slot " + s.slotName() + " yet", Tried: "SELECT FROM pg_replication_slots",
			Cure: "it is made at the next start",
		})
	case v.lost:
		list = append(list, Finding{
			What: "the server has given up the replication slot " + s.slotName() + ": it kept more than max_slot_wal_keep_size for it", Tried: "SELECT wal_status FROM pg_replication_slots",
			Cure: "it is made again at the next start; see why nobody read from it",
		})
	}
	if triggers, err := s.lookTriggers(ctx); err != nil || triggers {
		return list, err
	}
	return append(list, Finding{
		What: "there is no event trigger " + s.triggerName() + ": changes of the schema are known two seconds later", Tried: "SELECT FROM pg_event_trigger",
		Cure: "a superuser may make it", Statements: s.createTriggers(),
	}), nil
}

// checkTables lists the tables whose changes are not reported.
func (s *Source) checkTables(ctx context.Context) (list []Finding, err error) {
	found, err := s.readTables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t := found[name]
		if t.kind == "m" || t.kind == "f" {
			continue // nobody expects them
		}
		if t.published {
			t.ready = true // soon
		}
		var why *source.UncoveredError
		if !errors.As(s.uncovered(name, t), &why) {
			continue
		}
		f := Finding{What: fmt.Sprintf("changes of the table %s are not reported: it %s", name, why.Reason), Tried: "SELECT FROM pg_class", Cure: why.Cure, Table: name}
		switch {
		case t.persistence == "u":
			f.Statements = []string{"ALTER TABLE " + t.sql() + " SET LOGGED"}
		case t.suits() && !t.published && s.cfg.Triggers:
			f.What, f.Cure = fmt.Sprintf("the table %s has no triggers yet", name), "they are made at the next start"
			f.Statements = s.triggersOf(t)
		case t.suits() && !t.published:
			f.What, f.Cure = fmt.Sprintf("the table %s is not published yet", name), "it is published at the next start"
			f.Statements = []string{"ALTER PUBLICATION " + quote(s.cfg.name()) + " ADD TABLE ONLY " + t.sql()}
		}
		list = append(list, f)
	}
	return list, nil
}

// Fix runs the statements of what Check finds about the database as a whole,
// publishes the tables that can be, and returns what is left, with the errors of
// the statements that failed. It does not alter tables.
func (c Config) Fix(ctx context.Context) ([]Finding, error) {
	s, err := c.connect()
	if err != nil {
		return blocking(err)
	}
	defer s.Close()
	found, err := s.check(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, f := range found {
		if f.Table != "" {
			continue
		}
		for _, statement := range f.Statements {
			if _, err := s.meta.Exec(ctx, statement); err != nil {
				failed = append(failed, fmt.Errorf("postgres: %s: %w", statement, err))
			}
		}
	}
	if _, err := s.syncTables(ctx); err != nil {
		failed = append(failed, err)
	}
	left, err := s.check(ctx)
	for i := range left {
		if wasRestart(found, &left[i]) {
			left[i].Cure, left[i].Statements = "restart the server", nil
		}
	}
	return left, errors.Join(append(failed, err)...)
}

// wasRestart reports whether a finding is left because the server has not been
// restarted yet.
func wasRestart(found []Finding, left *Finding) bool {
	return left.Restart && slices.ContainsFunc(found, func(f Finding) bool { return f.What == left.What })
}

// Drop takes away what Open has made in the database: the replication slot, the
// publication, the event triggers; with Triggers the change log and all triggers
// that write it. Nobody may follow the database.
func (c Config) Drop(ctx context.Context) error {
	s, err := c.connect()
	if err != nil {
		return err
	}
	defer s.Close()
	now, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.server.Store(&now)
	if s.cfg.Triggers {
		return s.dropTriggerLog(ctx)
	}
	v, err := s.lookSlot(ctx)
	if err != nil {
		return err
	}
	if v.pid != 0 {
		return s.errTaken(v)
	}
	if v.exists {
		if _, err := s.meta.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.slotName()); err != nil {
			return fmt.Errorf("postgres: drop the replication slot: %w", err)
		}
	}
	for _, statement := range append(s.dropTriggers(), "DROP PUBLICATION IF EXISTS "+quote(s.cfg.name())) {
		if _, dropErr := s.meta.Exec(ctx, statement); dropErr != nil {
			err = cmp.Or(err, fmt.Errorf("postgres: %s: %w", statement, dropErr))
		}
	}
	return err
}
