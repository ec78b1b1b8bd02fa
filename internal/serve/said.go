package serve

import (
	"slices"
	"strings"
)

// said is an error of a PostgreSQL database as the operator of a server is told
// it: in one line, in the words of the settings, and without what is secret.
type said struct {
	error
	text string
}

func (s said) Error() string { return s.text }
func (s said) Unwrap() error { return s.error }

// tell makes an error one that can be told.
func tell(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	return said{err, telling(err.Error(), secrets)}
}

// inSettings are the fields of postgres.Config as the settings call them.
var inSettings = strings.NewReplacer(
	"Config.URL", "--db", "Config.Name", "--name", "Config.UnboundedWAL", "--unbounded-wal", "Config.Triggers", "--trigger-log",
)

func telling(text string, secrets []string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "[…]")
	}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "postgres: "))
		if line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	text = inSettings.Replace(strings.Join(lines, " "))
	for _, h := range hints {
		if strings.Contains(text, h.about) {
			return text + "; " + h.cure
		}
	}
	return text
}

// hints are what can be done where the server, or the way to it, says no more
// than that something failed.
var hints = []struct{ about, cure string }{
	{"SQLSTATE 28P01", "is it the right one? It is read from PGPASSWORD, ~/.pgpass, --db-password-file and the URL"},
	{"SQLSTATE 3D000", "psql -l lists the databases that there are"},
	{"SQLSTATE 28000", "the server's pg_hba.conf says who may come in from where, and ALTER ROLE … LOGIN lets a role in at all"},
	{"SQLSTATE 53300", "all connections of the server are taken: a server needs about 20 (docs/postgres.md)"},
	{"connection refused", "does the server run, and listen there?"},
	{"no such host", "is the name right?"},
	{"no such file or directory", "the URL's host is the folder of the server's socket: is it right, and does the server run?"},
	{"i/o timeout", "is the address right, and does no firewall stand in between?"},
	{"server refused TLS", "the server has none: ?sslmode=disable where nobody can listen in"},
}
