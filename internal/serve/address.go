package serve

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// postgres reports whether the database is a PostgreSQL one.
func (s *Settings) postgres() bool {
	scheme, _, ok := strings.Cut(s.DB, "://")
	return ok && (scheme == "postgres" || scheme == "postgresql")
}

// checkDatabase refuses what names no database that can be served, and what is
// said of a kind of database that it is not. No error shows what could be a
// password.
func (s *Settings) checkDatabase() error {
	scheme, rest, ok := strings.Cut(s.DB, ":")
	ok = ok && !strings.ContainsAny(scheme, "/\\.") && len(scheme) > 1 // C:\app.db is a file
	switch {
	case s.DB == "":
		return fmt.Errorf("which database? Name its file (--db app.db) or its URL (--db postgres://user@host/name), in %s or as db: in the file too", environment("db"))
	case s.postgres():
		return s.checkURL()
	case !ok:
		return s.checkFile()
	case slices.Contains([]string{"mysql", "mariadb"}, scheme):
		return fmt.Errorf("--db: %s is not supported yet: SQLite is, as --db app.db, and PostgreSQL, as --db postgres://user@host/name", scheme)
	case slices.Contains([]string{"postgres", "postgresql"}, scheme):
		return fmt.Errorf("--db: %s: has no // behind it: a URL is wanted, as postgres://user@host/name", scheme)
	case slices.Contains([]string{"file", "sqlite", "sqlite3"}, scheme):
		return fmt.Errorf("--db: of a SQLite database the file's name alone is wanted, as --db %s", strings.TrimLeft(rest, "/"))
	case strings.HasPrefix(rest, "//"):
		return fmt.Errorf("--db: a database of the kind %q is not known: name the file of a SQLite database, as --db app.db, or the URL of a PostgreSQL one, as --db postgres://user@host/name", scheme)
	}
	return s.checkFile()
}

func (s *Settings) checkFile() error {
	var errs []error
	for name, given := range map[string]bool{"name": s.Name != "", "db-password-file": s.DBPasswordFile != "", "unbounded-wal": s.UnboundedWAL} {
		if given {
			errs = append(errs, fmt.Errorf("--%s is for PostgreSQL, but --db %s is a file", name, s.DB))
		}
	}
	if s.Role != nil {
		errs = append(errs, fmt.Errorf("%s:\n%w", s.Config, s.Role.Errorf("SQLite has no roles: rules say who may do what")))
	}
	return errors.Join(errs...)
}

func (s *Settings) checkURL() error {
	u, err := url.Parse(s.DB)
	if err != nil {
		return errors.New("--db: the URL is not well formed: want postgres://user@host:5432/name, and %XX for what is special in a password (it is better kept in PGPASSWORD, ~/.pgpass or --db-password-file)")
	}
	if _, both := u.User.Password(); both && s.DBPasswordFile != "" {
		return errors.New("--db has a password, and --db-password-file names one: give one")
	}
	return nil
}

// databaseURL is the URL with the password of the file that is named, and all
// that must be shown to nobody.
func (s *Settings) databaseURL() (address string, secrets []string, err error) {
	u, err := url.Parse(s.DB)
	if err != nil {
		return "", nil, s.checkURL()
	}
	if s.DBPasswordFile != "" {
		text, err := os.ReadFile(s.DBPasswordFile)
		if err != nil {
			return "", nil, fmt.Errorf("--db-password-file: %w", err)
		}
		password := strings.TrimRight(string(text), "\r\n")
		if password == "" {
			return "", nil, fmt.Errorf("--db-password-file: %s is empty", s.DBPasswordFile)
		}
		if u.User == nil || u.User.Username() == "" {
			return "", nil, errors.New("--db-password-file is the password of a user: name him in --db, as postgres://user@host/name")
		}
		u.User = url.UserPassword(u.User.Username(), password)
	}
	return u.String(), secretsOf(u), nil
}

// secretsOf lists what of a URL must be shown to nobody, as it stands in it and
// as a driver writes it: what stands around a password tells it from a word
// that is in an error by chance.
func secretsOf(u *url.URL) []string {
	var secrets []string
	if password, ok := u.User.Password(); ok {
		for _, written := range []string{password, url.QueryEscape(password), url.PathEscape(password), strings.TrimPrefix(url.UserPassword("", password).String(), ":")} {
			secrets = append(secrets, ":"+written+"@")
		}
	}
	for _, name := range secretParameters {
		for _, value := range u.Query()[name] {
			secrets = append(secrets, name+"="+value, name+"="+url.QueryEscape(value))
		}
	}
	return secrets
}

// secretParameters are those of a database's URL that are passwords.
var secretParameters = []string{"password", "sslpassword"}

// database names the database for people: a file as it was given, a URL
// without what is secret in it.
func (s *Settings) Database() string {
	if !s.postgres() {
		return s.DB
	}
	u, err := url.Parse(s.DB)
	if err != nil {
		return "postgres://…"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User.Username() != "" {
		shown.User = url.User(u.User.Username())
	}
	query := u.Query()
	for _, name := range secretParameters {
		query.Del(name)
	}
	shown.RawQuery = query.Encode()
	return shown.String()
}

// databaseName is what the database is called: the name of the file, or of the
// database on its server.
func (s *Settings) databaseName() string {
	if !s.postgres() {
		return filepath.Base(s.DB)
	}
	if u, err := url.Parse(s.DB); err == nil && strings.Trim(u.Path, "/") != "" {
		return strings.Trim(u.Path, "/")
	}
	return "postgres"
}
