package serve

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"

	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// database is what a server needs to know of the database beside its handle:
// its changes, and what it holds.
type database interface {
	source.Source
	schema.Catalog
	io.Closer
}

// openDatabase opens what the settings name.
func openDatabase(settings *Settings, logger *slog.Logger, parameters url.Values) (*sql.DB, database, error) {
	if !settings.postgres() {
		return openFile(settings, logger, parameters)
	}
	cfg, secrets, err := settings.postgresConfig(logger)
	if err != nil {
		return nil, nil, err
	}
	if u, err := url.Parse(settings.DB); err == nil && settings.given["db"] == "--db" {
		if _, shown := u.User.Password(); shown {
			logger.Warn("everybody on this machine can read the password of the database in the command line: PGPASSWORD, ~/.pgpass and --db-password-file are for it")
		}
	}
	db, source, err := cfg.Open()
	if err != nil {
		return nil, nil, tell(err, secrets)
	}
	return db, source, nil
}

// postgresConfig is what the settings say of a PostgreSQL database, and what
// must be shown to nobody.
func (s *Settings) postgresConfig(logger *slog.Logger) (cfg postgres.Config, secrets []string, err error) {
	address, secrets, err := s.databaseURL()
	return postgres.Config{URL: address, Name: s.Name, UnboundedWAL: s.UnboundedWAL, Triggers: s.TriggerLog, Logger: logger}, secrets, err
}

// openFile opens a file that is there: a name that is mistyped makes no
// database.
func openFile(settings *Settings, logger *slog.Logger, parameters url.Values) (*sql.DB, database, error) {
	if info, err := os.Stat(settings.DB); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no file %s; sqlite3 makes one: sqlite3 %[1]s 'CREATE TABLE …'", settings.DB)
	} else if err != nil {
		return nil, nil, err
	} else if info.IsDir() {
		return nil, nil, fmt.Errorf("%s is a folder; name the file of a SQLite database", settings.DB)
	}
	db, source, err := sqlite.Config{Path: settings.DB, TriggerLog: settings.TriggerLog, Parameters: parameters, Logger: logger}.Open()
	if err != nil {
		return nil, nil, err
	}
	return db, source, nil
}
