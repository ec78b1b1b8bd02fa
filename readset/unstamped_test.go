package readset

import "testing"

func TestUnstamp(t *testing.T) {
	(*Set)(nil).Unstamp("nobody reads")
	s := &Set{}
	_, apart := Apart(NewContext(t.Context(), s))
	if s.Unstamped() != "" || apart.Unstamped() != "" {
		t.Error("unstamped before anything was read")
	}
	apart.Unstamp("a replica")
	s.Unstamp("another")
	if s.Unstamped() != "a replica" || apart.Unstamped() != "a replica" {
		t.Errorf("unstamped: %q, apart %q", s.Unstamped(), apart.Unstamped())
	}
}
