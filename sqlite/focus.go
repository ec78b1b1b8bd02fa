package sqlite

import "github.com/wakeful-dev/wakeful/source"

var _ source.Focuser = (*Source)(nil)

// Focus names the tables whose rows are wanted. Own commits to others say only
// that the table was written, which costs their writers next to nothing.
func (s *Source) Focus(tables []string) {
	wanted := make(map[string]struct{}, len(tables))
	for _, name := range tables {
		wanted[name] = struct{}{}
	}
	s.focus.Store(&wanted)
}

// wants reports whether the rows of a table are wanted.
func (s *Source) wants(table string) bool {
	wanted := s.focus.Load()
	if wanted == nil {
		return true
	}
	_, ok := (*wanted)[table]
	return ok
}
