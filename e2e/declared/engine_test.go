package declared

import (
	"slices"

	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/source"
)

// engine is a database that the law is held against: its tables, and the SQL in
// which writers say what they mean.
type engine struct {
	columns map[string][]column
	routed  []route
	more    map[string]string // tables that are served whole, beside those that all engines have, by their routes
	again   bool              // who is in another's way tries again

	open     func(w *world, s *scenario)
	numbered func(text string) string // of placeholders that are question marks

	insert, replace func(table, names, marks string) string
	update          func(table, set, condition string) string // of no row that would be another's double
	number          func(table, key string) string            // a key as an integer
	equal           func(c *column) string                    // that a column has a value
	rows            func(n int) string                        // makes very many items, or alters them
	view            string                                    // makes the view summary another one
}

// liveSource is what both databases are.
type liveSource interface {
	source.Source
	schema.Catalog
	Close() error
}

// array is an array as it is stored, and as a URL says it.
type array struct{ stored, url string }

// storedAll are values as a driver takes them.
func storedAll(args []any) []any {
	args = slices.Clone(args)
	for i, v := range args {
		if a, ok := v.(array); ok {
			args[i] = a.stored
		}
	}
	return args
}
