// Package rules says who may do what with which rows of a database that is
// served without code: the part of the configuration file about tables.
//
//	default:
//	  read: signed_in
//	tables:
//	  posts:
//	    read: public
//	    create: owner_id = claims.sub
//	    update: owner_id = claims.sub or claims.role = 'admin'
//	    hidden: [draft_note]
//
// Promises: what is not allowed is forbidden. A comparison with a claim that
// the identity does not have is not met, nor is its opposite. Every mistake in
// the file is an error that names the line and what exists; rules that do not
// fit a table allow nothing of it.
//
// Pipeline: permit.Identity → [rules] → permit and scope of a resource.
package rules

import (
	"errors"

	"github.com/wakeful-dev/wakeful/internal/yamldoc"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource/value"
)

// Rules are those of all tables.
type Rules struct {
	otherwise entry
	tables    []entry // in the order of the file
}

// entry is what the file says of one table.
type entry struct {
	at    yamldoc.Node
	table string // "" in the default

	allow map[permit.Action]rule
	scope rule

	key, hidden, readOnly, search, ordering names

	pageSize, maxPageSize int
	numbers               value.Numbers
	numbersSet            bool
}

// rule is a condition with its place in the file.
type rule struct {
	at    yamldoc.Node
	given bool
	condition
}

type names struct {
	at   yamldoc.Node
	list []string
}

// Open is the rules where there are none: everybody may do everything.
func Open() *Rules {
	open := entry{allow: map[permit.Action]rule{}}
	for _, action := range actions {
		open.allow[action] = rule{given: true, condition: always(true)}
	}
	return &Rules{otherwise: open}
}

var actions = []permit.Action{permit.Read, permit.Create, permit.Update, permit.Delete}

// Parse reads the keys default and tables of a file; nil is a key that is not
// there.
func Parse(otherwise, tables *yamldoc.Node) (*Rules, error) {
	r := &Rules{}
	var errs []error
	if otherwise != nil {
		r.otherwise.at = *otherwise
		errs = append(errs, r.otherwise.read(*otherwise, true))
	}
	if tables == nil || tables.Null() {
		return r, errors.Join(errs...)
	}
	entries, err := tables.Entries()
	errs = append(errs, err)
	for _, e := range entries {
		table := entry{at: e.Key, table: e.Key.Value}
		table.at.Path = e.Value.Path
		if !e.Value.Null() {
			errs = append(errs, table.read(e.Value, false))
		}
		r.tables = append(r.tables, table)
	}
	return r, errors.Join(errs...)
}

func (e *entry) read(n yamldoc.Node, otherwise bool) error {
	e.allow = map[permit.Action]rule{}
	known := map[string]func(yamldoc.Node) error{
		"scope":         func(n yamldoc.Node) (err error) { e.scope, err = readRule(n); return err },
		"page_size":     readNumber(&e.pageSize),
		"max_page_size": readNumber(&e.maxPageSize),
		"numbers":       e.readNumbers,
	}
	for _, action := range actions {
		known[string(action)] = func(n yamldoc.Node) (err error) {
			e.allow[action], err = readRule(n)
			return err
		}
	}
	if !otherwise {
		for key, to := range map[string]*names{
			"key": &e.key, "hidden": &e.hidden, "read_only": &e.readOnly, "search": &e.search, "ordering": &e.ordering,
		} {
			known[key] = func(n yamldoc.Node) (err error) {
				to.at = n
				to.list, err = n.Texts()
				return err
			}
		}
	}
	if err := n.Each(known); err != nil {
		return err
	}
	if e.pageSize > 0 && e.maxPageSize > 0 && e.pageSize > e.maxPageSize {
		return n.Errorf("page_size %d is more than max_page_size %d", e.pageSize, e.maxPageSize)
	}
	return nil
}

func readNumber(to *int) func(yamldoc.Node) error {
	return func(n yamldoc.Node) (err error) {
		*to, err = n.Number()
		return err
	}
}

// NumberNames are the values of the key numbers.
var numberNames = map[string]value.Numbers{"plain": value.Plain, "big_as_text": value.BigAsText, "all_as_text": value.AllAsText}

func (e *entry) readNumbers(n yamldoc.Node) error {
	text, err := n.Text()
	if err != nil {
		return err
	}
	numbers, ok := numberNames[text]
	if !ok {
		return n.Errorf("unknown %q; there are all_as_text, big_as_text, plain", text)
	}
	e.numbers, e.numbersSet = numbers, true
	return nil
}

// readRule reads a condition, or a list of which one must be met.
func readRule(n yamldoc.Node) (rule, error) {
	list, err := n.List()
	if err != nil {
		return rule{}, err
	}
	if len(list) == 0 {
		return rule{}, n.Errorf("an empty list; write nobody where nobody is meant")
	}
	r := rule{at: n, given: true}
	for i, element := range list {
		text, err := element.Text()
		if err != nil {
			return rule{}, err
		}
		c, err := parse(text)
		if err != nil {
			return rule{}, element.Errorf("%q: %v", text, err)
		}
		if i == 0 {
			r.condition = c
		} else {
			r.condition = either{r.condition, c}
		}
	}
	return r, nil
}
