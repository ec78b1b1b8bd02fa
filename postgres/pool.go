package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenPool is Open for those who use pgx itself: the pool records what
// evaluations read through it.
func OpenPool(url string) (*pgxpool.Pool, *Source, error) {
	return Config{URL: url}.OpenPool(nil)
}

// OpenPool opens the database. The pool is made by config, and where that is nil
// by Config.URL, which counts only then. A tracer that config has stays.
//
// A statement runs in the evaluation's snapshot, and so does a transaction that
// the view begins with the level REPEATABLE READ or as READ ONLY. In any other
// transaction statements see what has been committed when they run. All
// statements share the snapshot on the handle that Tx returns. What goes past
// pgx, by PgConn, is not seen.
func (c Config) OpenPool(config *pgxpool.Config) (*pgxpool.Pool, *Source, error) {
	if config == nil {
		var err error
		if config, err = pgxpool.ParseConfig(c.URL); err != nil {
			return nil, nil, fmt.Errorf("postgres: %w", err)
		}
	} else {
		config = config.Copy()
	}
	if config.ConnConfig.ValidateConnect == nil {
		config.ConnConfig.ValidateConnect = primary
	}
	plain := config.ConnConfig.Copy()
	plain.Tracer = nil
	s, err := c.connectBy(plain)
	if err != nil {
		return nil, nil, err
	}
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	own := &tracer{s}
	if config.ConnConfig.Tracer == nil {
		config.ConnConfig.Tracer = own
	} else {
		config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, own)
	}
	config.ConnConfig.RuntimeParams = ordinary(config.ConnConfig).RuntimeParams
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("postgres: %w", err), s.Close())
	}
	return pool, s, nil
}
