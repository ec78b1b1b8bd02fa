package postgres

import (
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestRights: equal roles have equal rights, and no others.
func TestRights(t *testing.T) {
	of := func(name string, settings ...string) string {
		role := Role{Name: name, Settings: map[string]string{}}
		for i := 0; i < len(settings); i += 2 {
			role.Settings[settings[i]] = settings[i+1]
		}
		return readset.Rights(WithRole(t.Context(), role))
	}
	if of("") != "" {
		t.Error("the connection's own role is a right of its own")
	}
	if of("a", "x.y", "1", "x.z", "2") != of("a", "x.z", "2", "X.Y", "1") {
		t.Error("the order or the case of settings counts")
	}
	all := []string{
		of(""), of("a"), of("b"), of("", "x.y", "1"), of("a", "x.y", "1"), of("a", "x.y", "2"), of("a", "x.z", "1"),
		of("a", "x.y", `1" "x.z"="2`), of("a", "x.y", "1", "x.z", "2"), of(`a" "x.y"="1`), of("a", "x.y", ""), of("a", "x.y", "\xff"), of("a", "x.y", "\ufffd"),
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("two of these are one: %q", all)
	}
	if readset.Rights(WithRole(WithRole(t.Context(), Role{Name: "a"}), Role{})) != "" {
		t.Error("a role stays when another is given")
	}
}
