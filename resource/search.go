package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// maxWords bounds the words of one search.
const maxWords = 16

func (l *layout) addSearch() error {
	var errs []error
	for _, column := range l.Search {
		c := l.table.Column(column)
		switch {
		case column == AllColumns:
			for i := range l.fields {
				if f := &l.fields[i]; IContains.takes(f.column.Type) && !slices.Contains(l.search, f.column.Name) {
					l.search = append(l.search, f.column.Name)
				}
			}
		case c == nil:
			errs = append(errs, l.unknownColumn("Search", column))
		case slices.Contains(l.Hidden, column):
			errs = append(errs, fmt.Errorf("Config.Search: %q is hidden: who searches in a column learns what is in it", column))
		case !IContains.takes(c.Type):
			errs = append(errs, fmt.Errorf("Config.Search: %q is of type %s, and words are found in text", column, c.Type))
		default:
			l.search = append(l.search, column)
		}
	}
	return errors.Join(errs...)
}

// searching is the condition that each word is in one of the columns.
func (l *layout) searching(text string, wrong *complaints) []where.Expr {
	words := strings.Fields(text)
	if len(words) > maxWords || !utf8.ValidString(text) {
		wrong.add(wire.CodeBadParameter, "search", "want at most %d words of UTF-8", maxWords)
		return nil
	}
	all := make([]where.Expr, len(words))
	for i, word := range words {
		either := make([]where.Expr, len(l.search))
		for j, column := range l.search {
			either[j] = where.IContains(column, word)
		}
		all[i] = where.Or(either...)
	}
	return all
}
