package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/wakeful-dev/wakeful/sqldb"
)

// Config says which database to open, and how. The zero value of each field
// but URL is a good choice.
type Config struct {
	// URL says where the database is: postgres://user@host/name?sslmode=… or
	// the words that libpq reads. It must lead to the primary, and not through a
	// pooler that hands out another connection for each transaction.
	URL string

	// Name begins the names of what is made in the database: the publication,
	// the replication slot. Two servers that follow one database need two names.
	// Lower-case letters, digits and _; default "wakeful".
	Name string

	// MaxRows is the number of rows of one table that one transaction may
	// change before the table is reported without rows. Default 10,000.
	MaxRows int

	// MaxBytes is what the rows of one transaction may take in memory before
	// their tables are reported without rows. Default 64 MiB.
	MaxBytes int

	// Log is the number of changes kept for Stream, and LogBytes what they may
	// take in memory. A position that is further back is gone. Default 65,536
	// and 64 MiB; a server takes no more than an eighth of its Config.Memory.
	Log      int
	LogBytes int

	// UnboundedWAL accepts a server without max_slot_wal_keep_size: while nobody
	// reads from the slot it keeps its log until the disk is full.
	UnboundedWAL bool

	// Triggers follows the database by triggers that write each changed row to a
	// table, where its own log cannot be had. They are made in every table, and
	// cost each write a multiple of its time: see the package's documentation.
	Triggers bool

	// Logger gets what is worth a person's notice. Default: nothing is logged.
	Logger *slog.Logger
}

// Open opens a database with the defaults of Config. The handle records what
// evaluations read through it; the source yields all changes of the database.
func Open(url string) (*sql.DB, *Source, error) {
	return Config{URL: url}.Open()
}

// connectTimeout bounds how long Open waits for the server.
const connectTimeout = 10 * time.Second

// Open opens the database, and makes the publication and the replication slot
// where they are not there and the role may. What keeps the database from being
// followed is a *SetupError. It starts nothing; Source.Stream follows the log
// while it is read.
func (c Config) Open() (*sql.DB, *Source, error) {
	s, err := c.connect()
	if err != nil {
		return nil, nil, err
	}
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(sqldb.Record(stdlib.GetConnector(*ordinary(s.config)), s))
	db.SetMaxIdleConns(idleConns)
	db.SetConnMaxIdleTime(time.Minute)
	return db, s, nil
}

// begin makes what the log is read by, and begins a history.
func (s *Source) begin() error {
	ctx, cancel := context.WithTimeout(context.Background(), setUpTimeout)
	defer cancel()
	h, err := s.setUp(ctx)
	if err != nil {
		s.meta.Close()
		return err
	}
	s.history.Store(h)
	return nil
}

// idleConns is how many connections of the handle are kept when nobody uses
// them: as many as evaluations ask for at once. To open one costs the server
// more than a query.
const idleConns = 32

// setUpTimeout bounds how long Open waits for the server, a slot that is read,
// and older transactions.
const setUpTimeout = connectTimeout + takeover + slotPatience

// connect makes a source that has no history yet.
func (c Config) connect() (*Source, error) {
	if c.URL == "" {
		return nil, errors.New("postgres: Config.URL is empty: postgres://user@host/database")
	}
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return c.connectBy(config)
}

// connectBy is connect for what connections of config lead to.
func (c Config) connectBy(config *pgx.ConnConfig) (_ *Source, err error) {
	if err := errors.Join(c.checkName(), checkSettings(config)); err != nil {
		return nil, err
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = primary
	}
	s := &Source{
		cfg: c, config: config, log: c.Logger, nonce: randomName(),
		slotPatience: slotPatience, senderTimeout: senderTimeout, catalogEvery: catalogEvery,
		keep: orDefault(c.Log, 65_536), probe: make(chan struct{}, 1), ddl: make(chan struct{}, 1), noted: make(chan struct{}, 1),
	}
	s.server.Store(&server{})
	s.keepBytes.Store(int64(orDefault(c.LogBytes, 64<<20)))
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.meta, err = openMeta(config)
	return s, err
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// openMeta connects for questions about the database.
func openMeta(config *pgx.ConnConfig) (*pgxpool.Pool, error) {
	pool, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pool.ConnConfig, pool.MaxConns, pool.PingTimeout = config.Copy(), 4, time.Second // to notice those that are dead
	pool.ConnConfig.RuntimeParams["synchronous_commit"] = "local"                    // nothing of ours has to wait for a standby
	pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {            // statements are read as they are run
		_, err := conn.PgConn().Exec(ctx, "SET standard_conforming_strings = on; SET transform_null_equals = off").ReadAll()
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	p, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := p.Ping(ctx); err != nil {
		p.Close()
		return nil, explainConnect(err)
	}
	return p, nil
}

// Close gives back the source's own connections. Close the *sql.DB first.
func (s *Source) Close() error {
	s.closeReaders()
	s.probe <- struct{}{}
	s.prober.close()
	s.endNotes(context.Background())
	<-s.probe
	s.meta.Close()
	return nil
}
