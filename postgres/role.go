package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/readset"
)

// Role is whose rights statements have, and what the policies of tables can
// read of who asks.
type Role struct {
	// Name is a role that the connection's own may set; "" is the connection's
	// own.
	Name string
	// Settings are read by policies with current_setting: names of two parts or
	// more, as "request.jwt.claims".
	Settings map[string]string
}

type roleKey struct{}

// WithRole returns a context whose statements run as role, reads of evaluations
// too. It is set for a transaction at a time and never for a connection, so that
// a statement without a role has never that of another. Requests of other roles
// or other settings share no lists.
func WithRole(ctx context.Context, role Role) context.Context {
	a := newActing(role)
	return readset.WithRights(context.WithValue(ctx, roleKey{}, a), a.rights)
}

// actingOf returns what statements of a context run as, nil for the
// connection's own.
func actingOf(ctx context.Context) *acting {
	a, _ := ctx.Value(roleKey{}).(*acting)
	if a == nil || a.rights == "" {
		return nil
	}
	return a
}

// acting is a role as it is set. It is never altered.
type acting struct {
	rights   string // equal for equal roles only; "" for the connection's own
	name     string // "none" for the connection's own
	settings []roleSetting
	err      error // it cannot be meant
}

type roleSetting struct{ name, value string }

// noRole is how SQL calls the connection's own.
const noRole = "none"

func newActing(role Role) *acting {
	a := &acting{name: cmp.Or(role.Name, noRole)}
	if role.Name == noRole || !storable(role.Name) {
		a.err = fmt.Errorf("postgres: %q can be no role", role.Name)
	}
	for name, value := range role.Settings {
		if !strings.Contains(name, ".") {
			a.err = fmt.Errorf("postgres: Role.Settings: %q is a setting of the server's own: want a name with a dot, as request.jwt.claims", name)
		}
		if !storable(value) {
			a.err = fmt.Errorf("postgres: Role.Settings: the value of %s is no text that PostgreSQL can hold", name)
		}
		a.settings = append(a.settings, roleSetting{strings.ToLower(name), value})
	}
	slices.SortFunc(a.settings, func(a, b roleSetting) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(a.settings); i++ {
		if a.settings[i].name == a.settings[i-1].name {
			a.err = fmt.Errorf("postgres: Role.Settings has %q twice", a.settings[i].name)
		}
	}
	if role.Name == "" && len(a.settings) == 0 {
		return a
	}
	a.rights = strconv.Quote(role.Name)
	for _, s := range a.settings {
		a.rights += " " + strconv.Quote(s.name) + "=" + strconv.Quote(s.value)
	}
	return a
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

func (a *acting) same(b *acting) bool { return a.text() == b.text() }

func (a *acting) text() string {
	if a == nil {
		return ""
	}
	return a.rights
}

// change is the statement by which a transaction that runs as had goes on as a;
// nil is the connection's own. The text is "" where both are the same.
func (a *acting) change(had *acting) (text string, args []string) {
	if a.same(had) {
		return "", nil
	}
	var b strings.Builder
	set := func(name, value string) {
		if b.Len() == 0 {
			b.WriteString("SELECT ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString("set_config($" + strconv.Itoa(len(args)+1) + ", $" + strconv.Itoa(len(args)+2) + ", true)")
		args = append(args, name, value)
	}
	name := noRole
	if a != nil {
		name = a.name
		for _, s := range a.settings {
			set(s.name, s.value)
		}
	}
	if had != nil {
		for _, s := range had.settings {
			if a == nil || !slices.ContainsFunc(a.settings, func(mine roleSetting) bool { return mine.name == s.name }) {
				set(s.name, "")
			}
		}
	}
	set("role", name)
	return b.String(), args
}

// standing is what the statements of one open transaction run as.
type standing struct{ now *acting }

// as has the next statements of the transaction run as the context says.
func (s *standing) as(ctx context.Context, conn *pgconn.PgConn) error {
	want := actingOf(ctx)
	if want != nil && want.err != nil {
		return want.err
	}
	text, args := want.change(s.now)
	if text == "" {
		return nil
	}
	values := make([][]byte, len(args))
	for i := range args {
		values[i] = []byte(args[i])
	}
	if err := conn.ExecParams(ctx, text, values, nil, nil, nil).Read().Err; err != nil {
		return unsettable(want, err)
	}
	s.now = want
	return nil
}

// unsettable says how a role comes to be one that can be set.
func unsettable(a *acting, err error) error {
	var of *pgconn.PgError
	if a == nil || !errors.As(err, &of) {
		return err
	}
	role := quote(a.name)
	switch of.Code {
	case "22023": // there is no such role
		return fmt.Errorf("postgres: there is no role %s: CREATE ROLE %[1]s NOLOGIN; GRANT %[1]s TO CURRENT_USER: %w", role, err)
	case "42501":
		return fmt.Errorf("postgres: statements may not run as %s: as its owner or a superuser, GRANT %[1]s TO the role that this server connects as: %w", role, err)
	}
	return err
}

// RoleFacts is what a database says of a role that statements are to run as.
type RoleFacts struct {
	Name string
	// Err is why it cannot be set, with the statement that mends it.
	Err error
	// Bypass: policies do not count for it, because it is a superuser or has
	// BYPASSRLS.
	Bypass bool
	// Owns lists tables with policies that do not count for it, because it owns
	// them or is a member of the role that does.
	Owns []string
}

// Roles tries whether statements can run as each of these roles, and asks for
// whom policies do not count.
func (s *Source) Roles(ctx context.Context, names ...string) ([]RoleFacts, error) {
	var all []RoleFacts
	for _, name := range names {
		facts := RoleFacts{Name: name}
		a := newActing(Role{Name: name})
		err := pgx.BeginFunc(ctx, s.meta, func(tx pgx.Tx) error {
			own := &standing{}
			if facts.Err = cmp.Or(a.err, own.as(context.WithValue(ctx, roleKey{}, a), tx.Conn().PgConn())); facts.Err != nil {
				return errUnsettable
			}
			return facts.read(ctx, tx)
		})
		if err != nil && !errors.Is(err, errUnsettable) {
			return nil, fmt.Errorf("postgres: ask about the role %s: %w", quote(name), err)
		}
		all = append(all, facts)
	}
	return all, nil
}

var errUnsettable = errors.New("postgres: the role cannot be set")

// read asks, as the role.
func (f *RoleFacts) read(ctx context.Context, tx pgx.Tx) error {
	if err := tx.QueryRow(ctx, `SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user`).Scan(&f.Bypass); err != nil || f.Bypass {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relrowsecurity AND NOT row_security_active(c.oid) ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	f.Owns, err = pgx.CollectRows(rows, namedRow)
	return err
}
