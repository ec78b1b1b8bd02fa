package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/internal/metrics"
	"github.com/wakeful-dev/wakeful/internal/rules"
)

// Finding is one thing that a check has found.
type Finding struct {
	// Missing: something does not work as it should; else it is good to know.
	Missing bool
	What    string
	How     string // to set it right, "" where nothing is to be done
}

// Check says what is missing in a database, its rules and the settings, and
// changes nothing.
func Check(ctx context.Context, settings *Settings, logger *slog.Logger) ([]Finding, error) {
	c := &checking{settings: settings}
	s := c.server(ctx, logger)
	look := c.sqlite
	if settings.postgres() {
		look = c.postgres
	}
	err := look(ctx, s)
	return c.findings, err
}

// server checks all but the database.
func (c *checking) server(ctx context.Context, logger *slog.Logger) *Server {
	settings := c.settings
	s := &Server{settings: settings, logger: logger, counts: metrics.New("check")}
	var err error
	if s.auth, err = s.authenticator(); err != nil {
		c.missing("signing in: "+err.Error(), "")
	} else {
		c.signIn(ctx, s)
	}
	if settings.TLSCert != "" {
		if _, err := newCertificate(settings.TLSCert, settings.TLSKey, logger); err != nil {
			c.missing(err.Error(), "")
		}
	}
	s.rules = settings.Rules
	if s.rules == nil {
		s.rules = rules.Open()
		if settings.Role == nil {
			c.note("there are no rules: whoever reaches the server may do everything", "write them into the file of --config: docs/serve.md")
		}
	}
	return s
}

// sqlite checks a file.
func (c *checking) sqlite(ctx context.Context, s *Server) error {
	file, remove, err := c.file()
	if err != nil {
		return err
	}
	defer remove()
	opened := *c.settings
	opened.DB, opened.TriggerLog = file, false
	if s.db, s.source, err = openDatabase(&opened, s.logger, nil); err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	now, err := s.source.Schema(ctx)
	if err != nil {
		return err
	}
	c.tables(s.build(now))
	if !c.settings.TriggerLog {
		c.note("what other programs write is noticed, but not which rows: each such commit has every list looked at again", "where they write often: --trigger-log")
	}
	return nil
}

// checking gathers findings.
type checking struct {
	settings *Settings
	findings []Finding
}

func (c *checking) missing(what, how string) {
	c.findings = append(c.findings, Finding{Missing: true, What: what, How: how})
}

func (c *checking) note(what, how string) {
	c.findings = append(c.findings, Finding{What: what, How: how})
}

const maxCopied = 256 << 20

// file is what to look at: the database, or, where opening it would change its
// journal mode, a copy.
func (c *checking) file() (name string, remove func(), err error) {
	remove = func() {}
	name = c.settings.DB
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", remove, fmt.Errorf("there is no file %s", name)
	} else if err != nil {
		return "", remove, err
	}
	defer file.Close()
	var header [100]byte
	switch n, err := io.ReadFull(file, header[:]); {
	case n == 0 && errors.Is(err, io.EOF): // an empty database
	case err != nil || !strings.HasPrefix(string(header[:]), "SQLite format 3\x00"):
		return "", remove, fmt.Errorf("%s is no SQLite database", name)
	}
	if file, err := os.OpenFile(name, os.O_WRONLY, 0); err != nil {
		c.missing("the file cannot be written: "+err.Error(), "allow it to the user that runs wakeful serve, and the folder too")
	} else {
		_ = file.Close()
	}
	if header[18] == 2 && header[19] == 2 {
		return name, remove, nil
	}
	c.note("the journal mode is not WAL; wakeful serve sets it when it starts", fmt.Sprintf("or now: sqlite3 %s 'PRAGMA journal_mode=WAL'", name))
	info, err := file.Stat()
	if err != nil {
		return "", remove, err
	}
	if info.Size() > maxCopied {
		return "", remove, fmt.Errorf("%s is not in WAL mode, and too large to be looked at in a copy: sqlite3 %[1]s 'PRAGMA journal_mode=WAL'", name)
	}
	return copied(file)
}

func copied(file *os.File) (name string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "wakeful-check-")
	if err != nil {
		return "", func() {}, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	name = filepath.Join(dir, "copy.db")
	to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
		if err == nil {
			_, err = io.Copy(to, file)
		}
		err = errors.Join(err, to.Close())
	}
	if err != nil {
		remove()
		return "", func() {}, err
	}
	return name, remove, nil
}

// signIn checks that those who sign in can.
func (c *checking) signIn(ctx context.Context, s *Server) {
	if !s.auth.Required() {
		c.note("nobody can sign in: all are nobody", "--jwks, --jwt-secret-file, or --auth-header behind a proxy")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if s.auth.Ready(ctx) != nil {
		c.missing("the keys that tokens are signed by cannot be had from "+c.settings.JWKS, "is the address right, and does it answer from here?")
	}
	if c.settings.Rules == nil && c.settings.Role == nil {
		c.missing("people can sign in, but no rule says what they may do: wakeful serve does not start", "write rules into the file of --config: docs/serve.md")
	}
}

// tables checks what is served.
func (c *checking) tables(t *site) {
	if t.bound.Unknown != nil {
		for line := range strings.SplitSeq(t.bound.Unknown.Error(), "\n") {
			c.missing("rules name nothing: "+line, "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.unfit)) {
		for line := range strings.SplitSeq(t.unfit[name].Error(), "\n") {
			c.missing(name+" is not served: "+line, "")
		}
	}
	for i := range t.mounted {
		c.table(&t.mounted[i])
	}
	if len(t.schema.Tables) == 0 {
		c.note("there are no tables yet", "")
	} else if len(t.mounted) == 0 && len(t.unfit) == 0 {
		c.missing("the rules let nobody do anything", "docs/serve.md")
	}
}

func (c *checking) table(m *mounted) {
	switch {
	case m.Unobserved != "" && !m.View:
		c.missing(m.Name+" cannot be followed: it "+m.Unobserved, m.Cure)
	case len(m.keys()) == 0 && m.View:
		c.missing(m.Name+" cannot be followed: nothing tells the rows of a view apart", "name the columns that do, in the rules: tables: {"+m.Name+": {key: [...]}}")
	case len(m.keys()) == 0:
		c.missing(m.Name+" cannot be followed, and has no route for one row: it has no primary key", c.keyed(m.Name))
	default:
		c.note(m.Name+" is served and can be followed", "")
	}
}

// keyed says how a table gets a primary key.
func (c *checking) keyed(table string) string {
	if c.settings.postgres() {
		return "ALTER TABLE " + table + " ADD PRIMARY KEY (…)"
	}
	return "make the table with one: CREATE TABLE … (id INTEGER PRIMARY KEY, …)"
}
