package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// A function that is not inlined may read what no plan shows. What it has read
// is told by the locks of the transaction that called it, and only by these.

// late runs a statement that calls such functions, in a transaction of its own
// that stands in the snapshot too, and notes what they have read.
func (p *pinned) late(ctx context.Context, set *readset.Set, d *description, text string, call func(*reader) error) error {
	if err := p.share(ctx); err != nil {
		return err
	}
	select {
	case p.apart <- struct{}{}:
		defer func() { <-p.apart }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r, err := p.stand(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.source.giveBack(r) }()
	if err = r.try(ctx, text, call); err == nil {
		var locks []uint32
		if locks, err = r.locks(ctx); err == nil {
			err = p.source.noteLocks(ctx, set, text, locks, d == nil || !d.blind)
		}
	}
	if err != nil && !errors.Is(err, sqldb.ErrWrites) && (d == nil || d.composed) {
		set.Fail(fmt.Errorf("postgres: %.200q failed, so nothing tells what the functions in it have read: %w", text, err))
	}
	return err
}

// share has the snapshot exported, so that another transaction can stand in it.
func (p *pinned) share(ctx context.Context) error {
	if p.isShared() {
		return nil
	}
	r, err := p.take(ctx) // the only one there is
	if err != nil {
		return err
	}
	p.export(r)
	p.put(r)
	if !p.isShared() {
		return errLost
	}
	return nil
}

// locks are the relations that the transaction has locks on.
func (r *reader) locks(ctx context.Context) ([]uint32, error) {
	results, err := r.pg().Exec(ctx, lockQuery).ReadAll()
	if err != nil {
		return nil, err
	}
	return oids(results[0].Rows)
}

// noteLocks notes the tables among the relations as read. Of a text that was
// never described it notes too what changes by itself.
func (s *Source) noteLocks(ctx context.Context, set *readset.Set, text string, locks []uint32, described bool) error {
	for range 3 {
		f, _, err := s.factsNow(ctx)
		if err != nil {
			return err
		}
		reads, texts, err := f.reads(locks, names{rows: true})
		if errors.Is(err, errStale) {
			s.knowledge.forget()
			continue
		}
		if err != nil {
			return err
		}
		statement := &readset.Statement{Text: text, Reads: reads}
		if !described {
			if statement.Volatile, err = f.code.volatileIn(text, texts); err != nil {
				return err
			}
		}
		set.Add(statement, nil)
		return nil
	}
	return errStale
}

// volatileIn names what changes by itself in a text and in the views and
// policies that it reads.
func (c *code) volatileIn(text string, texts []string) ([]string, error) {
	found := c.calledIn(text, true)
	for _, definition := range texts {
		found.add(c.calledIn(definition, false))
	}
	all := c.closureOf(found.functions)
	if all.blind != "" {
		return nil, untraceable(all.blind)
	}
	return sorted(append(found.volatile, all.volatile...)), nil
}

// untraceable says what can be done about a function that leaves no locks.
func untraceable(function string) error {
	return fmt.Errorf("postgres: the function %s catches errors around statements that it composes, so nothing tells what it reads: "+
		"have it name its tables, or read what it returns on a handle that is not recorded and declare the tables with wakeful.DependsOn", function)
}
