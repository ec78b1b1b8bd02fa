package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// catalogEvery is how often the catalogue is looked at: what the server's log
// does not tell of the schema and of rights is known that much later.
const catalogEvery = 2 * time.Second

// catalogQuery gives one text for all that lists may depend on beside rows.
// Statistics, and what makes and drops temporary tables, are not part of it. A second text is for what
// is published.
const catalogQuery = `
WITH class AS (
	SELECT oid, relname, relnamespace, relkind, relowner, relpersistence, relreplident, relrowsecurity, relforcerowsecurity, relispartition,
	       relacl, reloptions
	FROM pg_class WHERE relpersistence <> 't' AND relkind NOT IN ('t', 'i', 'I', 'S') AND relnamespace NOT IN (
	    SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema'))
)
SELECT concat_ws('/',
	(SELECT sum(hashtextextended(c::text, 0)) FROM class c),
	(SELECT sum(hashtextextended(concat_ws('/', a.attrelid, a.attnum, a.xmin), 0)) FROM pg_attribute a JOIN class c ON c.oid = a.attrelid),
	(SELECT sum(hashtextextended(concat_ws('/', i.indexrelid, i.indisprimary, i.indisunique, i.indisvalid, i.indimmediate, i.indisreplident, i.indkey), 0))
	 FROM pg_index i JOIN class c ON c.oid = i.indrelid),
	(SELECT sum(hashtextextended(concat_ws('/', i.inhrelid, i.inhparent, i.xmin), 0)) FROM pg_inherits i),
	(SELECT sum(hashtextextended(concat_ws('/', d.oid, d.xmin), 0)) FROM pg_attrdef d JOIN class c ON c.oid = d.adrelid),
	(SELECT sum(hashtextextended(concat_ws('/', c.oid, c.xmin), 0)) FROM pg_constraint c WHERE c.conrelid = 0 OR c.conrelid IN (SELECT oid FROM class)),
	(SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_proc WHERE pronamespace <> 'pg_catalog'::regnamespace),
	(SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_policy),
	(SELECT sum(hashtextextended(concat_ws('/', r.oid, r.xmin), 0)) FROM pg_rewrite r JOIN class c ON c.oid = r.ev_class),
	(SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_enum),
	(SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'),
	(SELECT sum(hashtextextended(m::text, 0)) FROM pg_auth_members m),
	(SELECT sum(hashtextextended(concat_ws('/', oid, rolname, rolsuper, rolinherit, rolbypassrls, rolconfig), 0)) FROM pg_roles),
	(SELECT sum(hashtextextended(s::text, 0)) FROM pg_db_role_setting s)),
concat_ws('/', (SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_publication),
	(SELECT sum(hashtextextended(concat_ws('/', oid, xmin), 0)) FROM pg_publication_rel))`

// print is how the catalogue is: two texts that differ when it does.
type print struct{ schema, published string }

// watchCatalog sees to it that tables are published, and says that everything
// may have changed when the catalogue has.
func (s *Source) watchCatalog(ctx context.Context, h *history) error {
	tick := time.NewTicker(s.catalogEvery)
	defer tick.Stop()
	if h.doubt != 0 {
		var doubting sync.WaitGroup
		doubting.Go(func() { s.resolve(ctx, h) })
		defer doubting.Wait()
	}
	for {
		if err := s.lookCatalog(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("postgres: the catalogue could not be looked at", "error", err)
		}
		select {
		case <-tick.C:
		case <-s.ddl:
		case <-ctx.Done():
			return nil
		}
	}
}

// resolve waits for the transactions of which the commit may have been forgotten
// while nobody saw it, and says then that anything may have changed.
func (s *Source) resolve(ctx context.Context, h *history) {
	for ctx.Err() == nil {
		err := s.outlive(ctx, h.doubt)
		if err == nil {
			err = s.say(ctx, nil)
		}
		if err == nil {
			h.doubt = 0
			return
		}
		_ = pause(ctx, longestPause)
	}
}

// lookCatalog compares the catalogue with how it was, and does what follows. What
// could not be done is done at the next look.
func (s *Source) lookCatalog(ctx context.Context) error {
	former := *s.tables.print.Load()
	if err := s.printCatalog(ctx); err != nil {
		return err
	}
	err := s.heedCatalog(ctx, former, *s.tables.print.Load())
	if err != nil {
		s.tables.print.Store(&former)
	}
	return err
}

// heedCatalog says that the schema has changed, and has new tables published.
func (s *Source) heedCatalog(ctx context.Context, former, now print) error {
	if now.schema != former.schema {
		s.forgetSchema()
		if err := s.say(ctx, nil); err != nil {
			return err
		}
	}
	if now == former && !s.tables.unready() && !s.cfg.Triggers {
		return nil
	}
	if err := s.mendPublication(ctx, now.published != former.published); err != nil {
		return err
	}
	fresh, err := s.syncTables(ctx)
	if err != nil || !fresh {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, s.catalogEvery) // the catalogue may change again meanwhile
	defer cancel()
	if err := s.adoptFresh(wait); err != nil && wait.Err() == nil {
		return err
	}
	return nil
}

// mendPublication has the publication say all that we want, where somebody has
// altered it and the role may. Where not, its tables are refused.
func (s *Source) mendPublication(ctx context.Context, altered bool) error {
	if s.cfg.Triggers || !altered {
		return nil
	}
	err := s.ensurePublication(ctx)
	if isFinal(err) {
		s.log.Warn("postgres: somebody has altered the publication", "error", err)
		return nil
	}
	return err
}

// printCatalog notes how the catalogue is.
func (s *Source) printCatalog(ctx context.Context) error {
	var now print
	if err := s.meta.QueryRow(ctx, catalogQuery).Scan(&now.schema, &now.published); err != nil {
		return fmt.Errorf("postgres: look at the catalogue: %w", err)
	}
	s.tables.print.Store(&now)
	return nil
}

// adoptNew publishes what is new, and says so when it is ready.
func (s *Source) adoptNew(ctx context.Context) error {
	fresh, err := s.syncTables(ctx)
	if err != nil || !fresh {
		return err
	}
	return s.adoptFresh(ctx)
}

// adoptFresh says what is published by now and was not ready, once it is.
func (s *Source) adoptFresh(ctx context.Context) error {
	names, err := s.adopt(ctx, true)
	if err != nil || len(names) == 0 {
		return err
	}
	s.forgetSchema()
	return s.say(context.WithoutCancel(ctx), names) // they count as ready by now
}

// unready reports whether tables are published that are not ready.
func (t *tables) unready() bool {
	for _, one := range *t.known.Load() {
		if one.published && !one.ready {
			return true
		}
	}
	return false
}
