package postgres

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// Source yields the commits of one database and pins snapshots of it. It
// implements source.Source, readset.Describer, sqldb.Database and
// schema.Catalog.
type Source struct {
	cfg    Config
	config *pgx.ConnConfig // of ordinary connections; never altered, copied
	log    *slog.Logger
	meta   *pgxpool.Pool // for questions about the database itself: few and short
	nonce  string        // tells this process from others

	slotPatience  time.Duration // to wait for older transactions
	senderTimeout time.Duration // of the server with us
	catalogEvery  time.Duration // the catalogue is looked at

	keep      int          // changes in the log
	keepBytes atomic.Int64 // and what they take

	server    atomic.Pointer[server] // as it was when we last looked
	readers   readers
	catalog   catalog   // what the database holds, for resources
	grants    grants    // what roles may do with it
	knowledge knowledge // what it says of statements

	history   atomic.Pointer[history]
	streaming atomic.Bool
	flow      atomic.Pointer[flow] // what the log comes through; nil while nobody reads it

	// probe is held by who takes a snapshot, until it is worked through: they
	// go through the gate in the order in which they are taken.
	probe  chan struct{}
	notes  notes         // of Config.Triggers
	noted  chan struct{} // something was written to the change log
	prober prober
	offers offers        // of what the prober sees
	ddl    chan struct{} // the schema has changed

	focus  source.Focus // tables whose rows are wanted; nil: all
	tables tables       // that are published
}

var (
	_ source.Source  = (*Source)(nil)
	_ source.Sized   = (*Source)(nil)
	_ source.Focuser = (*Source)(nil)
)

// Position is the place up to which commits are released.
func (s *Source) Position() change.Position { return s.history.Load().now() }

// LogBytes is about what the log of changes takes in memory.
func (s *Source) LogBytes() int { return int(s.history.Load().bytes.Load()) }

// BoundLog has the log take no more than so many bytes from now on.
func (s *Source) BoundLog(bytes int) {
	for {
		now := s.keepBytes.Load()
		if int64(bytes) >= now || s.keepBytes.CompareAndSwap(now, int64(bytes)) {
			break
		}
	}
	s.history.Load().bind(int(s.keepBytes.Load()))
}

// Focus names the tables whose rows are wanted.
func (s *Source) Focus(tables []string) { s.focus.Set(tables) }

// wants reports whether the rows of a table are wanted.
func (s *Source) wants(table string) bool { return s.focus.Wants(table) }

// noteReleased is told of each changeset before the stream has it.
func (s *Source) noteReleased(set *change.Changeset) {
	if !set.Everything {
		return
	}
	s.forgetSchema()
	select {
	case s.ddl <- struct{}{}:
	default:
	}
}
