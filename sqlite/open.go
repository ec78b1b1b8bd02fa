package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/sqldb"
	driversqlite "modernc.org/sqlite"
)

// Config says which file to open, and how. The zero value of each field but
// Path is a good choice.
type Config struct {
	// Path names the database file, which is made if it does not exist.
	Path string

	// TriggerLog keeps a log of changed rows in the file by triggers, so that
	// what other processes write is known by row. It makes each write cost
	// about twice as much, also the own ones.
	TriggerLog bool

	// BusyTimeout is how long a statement waits for another's lock. Default 5 s.
	BusyTimeout time.Duration

	// Pragmas are run on each new connection, as "cache_size(-65536)"; they
	// replace the package's own of the same name. The journal mode must be WAL.
	Pragmas []string

	// Parameters are handed to the driver, as _time_format or _txlock; see
	// modernc.org/sqlite.
	Parameters url.Values

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

// Open opens a database file with the defaults of Config. The handle records
// what evaluations read through it; the source yields all changes of the file.
func Open(path string) (*sql.DB, *Source, error) {
	return Config{Path: path}.Open()
}

// Open opens the database file. It starts nothing; Source.Stream watches the
// file while it is read.
func (c Config) Open() (*sql.DB, *Source, error) {
	path, err := c.resolve()
	if err != nil {
		return nil, nil, err
	}
	c.create(path)
	connector, err := driversqlite.NewConnector(c.dsn(path))
	if err != nil {
		return nil, nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	s := &Source{
		path: path, connector: connector, log: c.Logger,
		maxRows: orDefault(c.MaxRows, 10_000), maxBytes: orDefault(c.MaxBytes, 64<<20),
		keep: orDefault(c.Log, 65_536), keepBytes: orDefault(c.LogBytes, 64<<20),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.history.Store(newHistory(s.keep, s.keepBytes))
	s.logged.install = c.TriggerLog
	s.copier = newCopier(c.sets("wal_autocheckpoint"))
	if err := s.attach(); err != nil {
		return nil, nil, explain(path, err)
	}
	s.maintainLog(context.Background())
	return sql.OpenDB(sqldb.Record(connector, s)), s, nil
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// resolve returns the absolute path without links, as SQLite sees it.
func (c Config) resolve() (string, error) {
	switch {
	case c.Path == "":
		return "", errors.New("sqlite: Config.Path is empty")
	case strings.Contains(c.Path, ":memory:") || strings.Contains(c.Path, "mode=memory"):
		return "", errors.New("sqlite: a database in memory has no log that could be followed; " +
			"use a file, in tests one in t.TempDir()")
	case strings.HasPrefix(c.Path, "file:"):
		return "", errors.New("sqlite: give a plain path; what a file: name would set is in Config.Pragmas and Config.Parameters")
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return "", fmt.Errorf("sqlite: open %s: %w", c.Path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("sqlite: open %s: %w", c.Path, err)
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

// create makes the file where there is none, which no connection does: one that
// is opened while the file is away would make an empty one in its place.
func (c Config) create(path string) {
	if c.Parameters.Get("mode") != "" {
		return
	}
	if file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644); err == nil {
		_ = file.Close() // what is wrong with it SQLite says
	}
}

// dsn names the file as a URI, in which no character of the path is special.
func (c Config) dsn(path string) string {
	timeout := c.BusyTimeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	query := url.Values{}
	for name, values := range c.Parameters {
		query[name] = append([]string(nil), values...)
	}
	if query.Get("mode") == "" {
		query.Set("mode", "rw")
	}
	pragmas := append(query["_pragma"], c.Pragmas...)
	for _, own := range []string{
		"busy_timeout(" + strconv.FormatInt(timeout.Milliseconds(), 10) + ")",
		"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		"wal_autocheckpoint(" + strconv.Itoa(maxFrames) + ")",
	} {
		if !c.sets(pragmaName(own)) { // the driver sorts them: the last one of a name is not the one given last
			pragmas = append(pragmas, own)
		}
	}
	query["_pragma"] = pragmas
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	name := url.URL{Path: slashed}
	return "file://" + name.EscapedPath() + "?" + query.Encode()
}

// sets reports whether the user sets a pragma himself.
func (c Config) sets(name string) bool {
	given := func(p string) bool { return pragmaName(p) == name }
	return slices.ContainsFunc(c.Pragmas, given) || slices.ContainsFunc(c.Parameters["_pragma"], given)
}

func pragmaName(pragma string) string {
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(pragma)), "(")
	name, _, _ = strings.Cut(name, "=")
	return strings.TrimSpace(name)
}

// attach opens the source's own connection and finds the newest commit. On an
// error nothing has changed.
func (s *Source) attach() error {
	conn, err := s.connector.Connect(context.Background())
	if err != nil {
		return err
	}
	info, index, auth, err := s.examine(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	s.file, s.index, s.meta, s.metaAuth = info, index, conn, auth
	s.logged = triggerLog{install: s.logged.install, stale: true}
	seen, ok := index.read()
	if !ok {
		s.log.Warn("sqlite: the wal-index cannot be read; every commit counts as a change of everything", "path", s.path)
	}
	s.seen = seen
	return nil
}

// examine looks at the files of a connection that was just opened.
func (s *Source) examine(conn driver.Conn) (info os.FileInfo, index *walIndex, auth *authorizer, err error) {
	var mode string
	err = each(conn, "PRAGMA journal_mode", func(row []driver.Value) { mode, _ = row[0].(string) })
	if err == nil && mode != "wal" {
		err = fmt.Errorf("journal mode is %q, but WAL is needed; does the file system keep it from being set?", mode)
	}
	if err == nil {
		_, err = schemaVersion(conn) // the first read makes the wal-index
	}
	if err == nil {
		info, err = os.Stat(s.path)
	}
	if err == nil {
		index, err = openWALIndex(s.path + "-shm")
	}
	if err == nil {
		auth, err = authorize(conn)
	}
	return info, index, auth, err
}
