package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/wakeful-dev/wakeful/internal/demo"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/source"
)

// openDemoPostgres puts a board into a schema of its own. end takes it away
// again, with all that was made to follow it.
func openDemoPostgres(f demoFlags, logger *slog.Logger) (_ *demo.Board, _ source.Source, end func() error, err error) {
	u, err := url.Parse(f.db)
	if err != nil {
		return nil, nil, nil, errors.New("--db is no URL: want postgres://user@host/database")
	}
	query := u.Query()
	query.Set("search_path", demo.Schema)
	u.RawQuery = query.Encode()
	cfg := postgres.Config{URL: u.String(), Name: demo.Schema, Logger: logger}
	db, source, err := cfg.Open()
	if err != nil {
		return nil, nil, nil, err
	}
	end = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := db.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+demo.Schema+" CASCADE")
		if err != nil {
			err = fmt.Errorf("the schema %s is left in the database: %w", demo.Schema, err)
		}
		return errors.Join(err, db.Close(), source.Close(), cfg.Drop(ctx))
	}
	board, err := demo.New(db, demo.Postgres, logger)
	if err != nil {
		return nil, nil, nil, errors.Join(err, end())
	}
	return board, source, end, nil
}

// withoutPassword is a URL as it may be shown.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	if _, there := u.User.Password(); there {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
