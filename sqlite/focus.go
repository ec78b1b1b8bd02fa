package sqlite

import "github.com/wakeful-dev/wakeful/source"

var _ source.Focuser = (*Source)(nil)

// Focus names the tables whose rows are wanted. Own commits to others say only
// that the table was written, which costs their writers next to nothing.
func (s *Source) Focus(tables []string) { s.focus.Set(tables) }

// wants reports whether the rows of a table are wanted.
func (s *Source) wants(table string) bool { return s.focus.Wants(table) }
