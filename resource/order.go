package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// term is one column of an order. NULL comes first, and last where it
// descends, as SQLite has it.
type term struct {
	column *schema.Column
	desc   bool
}

func (l *layout) addOrder() error {
	l.orders = map[string]string{}
	var errs []error
	allow := func(name, column string) {
		if _, twice := l.orders[name]; !twice {
			l.orders[name] = column
			l.byOrder = append(l.byOrder, name)
		}
	}
	for _, column := range l.Order.Allow {
		shown := l.fieldOf(column)
		switch {
		case column == AllColumns:
			for i := range l.fields {
				allow(l.fields[i].name, l.fields[i].column.Name)
			}
		case l.table.Column(column) == nil:
			errs = append(errs, l.unknownColumn("Order.Allow", column))
		case slices.Contains(l.Hidden, column):
			errs = append(errs, fmt.Errorf("Config.Order.Allow: %q is hidden: who orders by a column learns what is in it", column))
		case shown != nil:
			allow(shown.name, column)
		default:
			allow(column, column)
		}
	}
	var order []term
	for _, name := range l.Order.Default {
		column, desc := strings.CutPrefix(name, "-")
		switch c := l.table.Column(column); {
		case c == nil:
			errs = append(errs, l.unknownColumn("Order.Default", column))
		case slices.Contains(l.Hidden, column) && slices.Contains(l.Page.Styles, ByCursor):
			errs = append(errs, fmt.Errorf("Config.Order.Default: %q is hidden, and cursors have in them what a list is ordered by; leave ByCursor out of Page.Styles", column))
		default:
			order = append(order, term{c, desc})
		}
	}
	l.order = l.total(order)
	return errors.Join(errs...)
}

// total drops columns that were named before, and ends the order with the key.
func (l *layout) total(order []term) []term {
	all := make([]term, 0, len(order)+len(l.key))
	add := func(t term) {
		if !slices.ContainsFunc(all, func(had term) bool { return had.column.Name == t.column.Name }) {
			all = append(all, t)
		}
	}
	for _, t := range order {
		add(t)
	}
	for _, column := range l.keyColumns() {
		add(term{column: l.table.Column(column)})
	}
	return all
}

// ordering reads the parameter of that name.
func (l *layout) ordering(text string, wrong *complaints) []term {
	var order []term
	for name := range strings.SplitSeq(text, ",") {
		plain, desc := strings.CutPrefix(strings.TrimSpace(name), "-")
		column, ok := l.orders[plain]
		if !ok {
			wrong.add(wire.CodeBadParameter, "ordering", "want some of %s, each with - before it to descend; there is no %q", listed(l.byOrder), plain)
			return nil
		}
		order = append(order, term{l.table.Column(column), desc})
	}
	return l.total(order)
}
