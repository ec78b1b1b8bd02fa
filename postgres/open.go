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

	// Logger gets what is worth a person's notice. Default: nothing is logged.
	Logger *slog.Logger
}

// Source yields the commits of one database and pins snapshots of it. It
// implements source.Source, readset.Describer, sqldb.Database and
// schema.Catalog.
type Source struct {
	cfg    Config
	config *pgx.ConnConfig // of ordinary connections; never altered, copied
	log    *slog.Logger
	meta   *pgxpool.Pool // for questions about the database itself: few and short

	readers   readers
	catalog   catalog   // what the database holds, for resources
	knowledge knowledge // what it says of statements

	historyName func() string
}

// Open opens a database with the defaults of Config. The handle records what
// evaluations read through it; the source yields all changes of the database.
func Open(url string) (*sql.DB, *Source, error) {
	return Config{URL: url}.Open()
}

// connectTimeout bounds how long Open waits for the server.
const connectTimeout = 10 * time.Second

// Open opens the database. It starts nothing; Source.Stream follows the log
// while it is read.
func (c Config) Open() (*sql.DB, *Source, error) {
	if c.URL == "" {
		return nil, nil, errors.New("postgres: Config.URL is empty: postgres://user@host/database")
	}
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Source{cfg: c, config: config, log: c.Logger, historyName: func() string { return "" }}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.meta, err = openMeta(config); err != nil {
		return nil, nil, err
	}
	return sql.OpenDB(sqldb.Record(stdlib.GetConnector(*ordinary(config)), s)), s, nil
}

// openMeta connects for questions about the database.
func openMeta(config *pgx.ConnConfig) (*pgxpool.Pool, error) {
	pool, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pool.ConnConfig, pool.MaxConns = config.Copy(), 4
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	p, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := p.Ping(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return p, nil
}

// Close gives back the source's own connections. Close the *sql.DB first.
func (s *Source) Close() error {
	s.closeReaders()
	s.meta.Close()
	return nil
}
