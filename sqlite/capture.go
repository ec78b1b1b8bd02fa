package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/sqldb"
	driversqlite "modernc.org/sqlite"
)

// capture follows one connection of the pool: it collects the rows of the
// transaction and publishes them when the commit is certain. Its hooks run
// within driver calls, so nothing of it is used by two goroutines at once.
type capture struct {
	source  *Source
	history *history // whose file the connection has open

	calling bool   // a driver call is being made
	wrote   bool   // a row was written in this call or since rows are open
	text    string // of that call
	pending statement
	before  mark // the transaction as the statement found it

	tx       transaction
	held     bool   // by a commit: the commit lock
	rolled   bool   // the commit that holds the lock was undone
	at       header // what the commit found
	known    bool   // at says something
	explicit bool   // a transaction was begun by a statement

	committed change.Position // of the newest commit in this call
}

var _ sqldb.Watcher = (*capture)(nil)

// Watch hooks a new connection of the pool.
func (s *Source) Watch(conn driver.Conn) (sqldb.Watcher, error) {
	hooks, ok := conn.(driversqlite.HookRegisterer)
	if !ok {
		return nil, fmt.Errorf("sqlite: the driver's connection (%T) has no hooks", conn)
	}
	c := &capture{source: s, history: s.history.Load()}
	c.tx = transaction{source: s, last: -1}
	hooks.RegisterPreUpdateHook(c.row)
	hooks.RegisterCommitHook(c.commit)
	hooks.RegisterRollbackHook(c.rollback)
	return c, nil
}

// Valid reports whether the connection still has the file open that is being
// watched.
func (c *capture) Valid() bool { return c.history == c.source.history.Load() }

// Before notes the statement that is about to run.
func (c *capture) Before(text string) {
	c.calling = true
	c.committed = ""
	c.text = text
	if text == "" {
		c.pending = statement{}
		return
	}
	c.wrote = false
	c.pending = classify(text)
	if !c.explicit && c.tx.empty() {
		c.tx.reset() // VACUUM shows rows and commits without the hook
	}
	c.before = c.tx.mark()
	if c.pending.verb == verbSchema {
		c.tx.schemaChanged = true
	}
}

// After decides what the call has done: a commit is published, what a failed
// statement wrote is forgotten.
func (c *capture) After(err error) (open bool) {
	c.calling = false
	switch {
	case c.held:
		c.settle(err)
		c.wrote = false
		return false
	case err == nil:
		c.apply()
		return c.wrote
	}
	if c.text != "" { // else the rows of an earlier statement: keep what it wrote
		c.failed()
	}
	return false
}

// Written reports the newest commit of the call, and whether rows wait for one.
func (c *capture) Written() (committed change.Position, open bool) {
	return c.committed, c.tx.wrote
}

// commit is SQLite's commit hook. It runs while the write lock is held and the
// commit is neither visible nor certain.
func (c *capture) commit() int32 {
	if !c.calling {
		// Somebody uses the bare connection. When this commit is done cannot
		// be seen, so it counts as one of another process.
		c.tx.reset()
		return 0
	}
	if c.held {
		c.settle(nil) // a second commit in one call: the first was done
	}
	c.source.mu.Lock()
	c.held, c.rolled = true, false
	if c.Valid() {
		c.at, c.known = c.source.absorb()
	}
	return 0
}

// rollback is SQLite's rollback hook: the whole transaction is undone.
func (c *capture) rollback() {
	c.rolled = true
	c.explicit = false
	c.tx.reset()
	c.before = mark{}
}

// settle ends a commit that took the lock. An error does not say that the
// commit failed: a context that ends meanwhile, or OR FAIL, gives one too. It
// did fail if it was rolled back, if the database was busy, or if rows were
// written and the wal-index counts no commit.
func (c *capture) settle(err error) {
	defer c.source.mu.Unlock()
	c.held = false
	if c.rolled || isBusy(err) {
		return
	}
	now, ok := c.source.index.read()
	if ok {
		c.source.copier.grown(now.frame)
	}
	if c.known && ok && c.tx.wrote && now.same(c.at) {
		return // the transaction is still open
	}
	set, wrote := c.tx.changeset(), c.tx.wrote
	if c.tx.schemaChanged {
		c.source.forgetSchema()
		c.source.logged.stale, c.source.logged.usable = true, false
	}
	c.source.logged.seen = max(c.source.logged.seen, c.tx.logID)
	c.tx.reset()
	c.before = mark{}
	c.explicit = false
	if c.Valid() {
		c.committed = c.source.committed(set, wrote, c.at, now, c.known && ok)
	}
}

// committed publishes an own commit that found the wal-index at one header and
// left it at another; mu is held. It returns the position from which on the
// commit is visible, "" where it wrote no row.
func (s *Source) committed(set change.Changeset, wrote bool, at, now header, known bool) (p change.Position) {
	if set.Everything || len(set.Changes) > 0 {
		s.publish(set)
	}
	if wrote {
		p = s.Position()
	}
	if !known {
		return p
	}
	// A transaction that wrote a row counts one commit. One that did not may
	// count none or one, and is then taken for one of somebody else.
	own := at.commits
	if wrote {
		own++
	}
	if now.commits != own && !set.Everything {
		s.outside()
		return
	}
	s.seen = now
	return p
}

// failed forgets what a failed statement wrote, unless it may have kept it:
// OR FAIL and RAISE(FAIL) leave the rows before the one that failed.
func (c *capture) failed() {
	keeps := c.tx.len() > c.before.changes &&
		(strings.Contains(strings.ToUpper(c.text), "FAIL") || c.source.mayFail())
	c.tx.undo(c.before, keeps)
	c.wrote = false
}

// apply does what the statement did to the transaction.
func (c *capture) apply() {
	switch c.pending.verb {
	case verbBegin:
		c.explicit = true
	case verbEnd:
		c.explicit = false
	case verbSavepoint:
		c.explicit = true
		c.tx.savepoint(c.pending.name, c.before)
	case verbRelease:
		c.tx.release(c.pending.name)
	case verbRollbackTo:
		c.tx.rollbackTo(c.pending.name)
	case verbSchema:
		if !c.explicit && c.tx.len() == 0 {
			c.tx.schemaChanged = false // it found nothing to do
		}
	}
}
