package postgres

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGrants: what a role may do is asked of the database once, until somebody
// says that it is void, and is each role's own.
func TestGrants(t *testing.T) {
	db := roles(t)
	db.Exec(t, `GRANT INSERT, UPDATE (title) ON app.notes TO role_test_reader`, `REVOKE SELECT ON app.notes FROM role_test_stranger`,
		`GRANT SELECT (id, title) ON app.notes TO role_test_stranger`, `CREATE TABLE "Own" (id int)`)
	s, err := Config{URL: db.URL}.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.watchSchema(true)
	of := func(name string) Grants {
		t.Helper()
		all, err := s.Grants(WithRole(t.Context(), Role{Name: name, Settings: map[string]string{"app.user": "ada"}}))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if g := of("")["Own"]; !g.Whole || !g.Insert || !g.Update || !g.Delete {
		t.Errorf("the connection's own role may %+v", g)
	}
	if all := of("role_test_reader"); len(all) != 1 || !all["app.notes"].Reads([]string{"id", "owner"}) ||
		!all["app.notes"].Insert || !all["app.notes"].Update || all["app.notes"].Delete {
		t.Errorf("the reader may %+v", all)
	}
	part := of("role_test_stranger")["app.notes"]
	if part.Whole || !slices.Equal(part.Columns, []string{"id", "title"}) || !part.Reads([]string{"title"}) || part.Reads([]string{"title", "owner"}) || part.Insert {
		t.Errorf("the stranger may %+v", part)
	}
	db.Exec(t, `REVOKE ALL ON app.notes FROM role_test_reader`)
	if len(of("role_test_reader")) != 1 {
		t.Error("it was asked for although nobody said that it is void")
	}
	s.forgetSchema()
	if all := of("role_test_reader"); len(all) != 0 {
		t.Errorf("what was revoked is told: %+v", all)
	}
	if _, err := s.Grants(WithRole(t.Context(), Role{Name: "role_test_nobody"})); err == nil || !strings.Contains(err.Error(), "there is no role") {
		t.Errorf("a role that is not there: %v", err)
	}
	s.watchSchema(false)
	db.Exec(t, `GRANT SELECT ON app.notes TO role_test_reader`)
	s.grants.mu.Lock()
	s.grants.told = map[string]heldGrants{"role_test_reader": {Grants{}, time.Now().Add(-2 * unwatched)}}
	s.grants.mu.Unlock()
	if len(of("role_test_reader")) != 1 {
		t.Error("what is old is believed while nobody watches")
	}
}
