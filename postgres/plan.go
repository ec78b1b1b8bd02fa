package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// plan is what EXPLAIN (VERBOSE, FORMAT JSON) says of a statement.
type plan struct {
	writes  bool // rows, or locks on them
	sampled bool // of a table a random part is read
	// subplans: an expression compares with the rows of a subquery.
	subplans bool
	// pruned: partitions are left out whose expressions nobody sees.
	pruned  bool
	indexes []string // that are read
	// expressions are all that are evaluated: a column of which they say nothing
	// does not matter.
	expressions []string
}

// comparesShown is the version from which on EXPLAIN shows what is compared with
// the rows of a subquery.
const comparesShown = 170000

// structure lists what is said of a node that is no expression.
var structure = []string{
	"Node Type", "Parent Relationship", "Strategy", "Partial Mode", "Operation", "Join Type", "Scan Direction", "Index Name", "Relation Name",
	"Schema", "Alias", "Subplan Name", "CTE Name", "Command", "Settings", "Conflict Resolution", "Custom Plan Provider", "Tuplestore Name", "Cache Mode",
}

// choosers are nodes whose own expressions name each column that they take from
// the scan below. A scan's output may have columns that nobody wants: to hand
// on a whole row is cheaper than to cut it.
var choosers = []string{"Aggregate", "Nested Loop", "Hash Join", "Merge Join"}

func parsePlan(text []byte) (*plan, error) {
	var told []struct{ Plan map[string]any }
	if err := json.Unmarshal(text, &told); err != nil || len(told) == 0 {
		return nil, fmt.Errorf("postgres: EXPLAIN answers %.100q: %w", text, err)
	}
	p := &plan{}
	for _, one := range told {
		p.node(one.Plan, "")
	}
	return p, nil
}

func (p *plan) node(n map[string]any, parent string) {
	kind, _ := n["Node Type"].(string)
	relationship, _ := n["Parent Relationship"].(string)
	p.writes = p.writes || kind == "ModifyTable" || kind == "LockRows"
	p.sampled = p.sampled || kind == "Sample Scan"
	removed, _ := n["Subplans Removed"].(float64)
	p.pruned = p.pruned || removed > 0
	_, scan := n["Relation Name"]
	if index, ok := n["Index Name"].(string); ok {
		p.indexes = append(p.indexes, index)
	}
	whole := scan && slices.Contains(choosers, parent) && (relationship == "Outer" || relationship == "Inner")
	for key, value := range n {
		switch {
		case key == "Plans":
			children, _ := value.([]any)
			for _, child := range children {
				if child, ok := child.(map[string]any); ok {
					p.node(child, kind)
				}
			}
		case key == "Output" && whole, slices.Contains(structure, key):
		default:
			p.collect(value)
		}
	}
}

func (p *plan) collect(value any) {
	switch value := value.(type) {
	case string:
		p.expressions = append(p.expressions, value)
		p.subplans = p.subplans || strings.Contains(value, "SubPlan")
	case []any:
		for _, v := range value {
			p.collect(v)
		}
	case map[string]any: // "Grouping Sets", "Target Tables", …
		for _, v := range value {
			p.collect(v)
		}
	}
}

// names are the names and the strings in the expressions.
type names struct {
	all     map[string]bool
	strings map[string]bool
	rows    bool // whole rows, or what tells one version of a row from another
}

// systemColumns change with every change of their row.
var systemColumns = []string{"ctid", "xmin", "xmax", "cmin", "cmax"}

func (p *plan) names() names {
	found := names{all: map[string]bool{}, strings: map[string]bool{}}
	for _, text := range p.expressions {
		l := lexer{text: text}
		var last token
		for t := l.next(); t.kind != tokenEnd; t = l.next() {
			switch {
			case t.kind == tokenString:
				found.strings[t.text] = true
			case t.name():
				found.all[t.text] = true
				found.rows = found.rows || slices.Contains(systemColumns, t.text)
			case t.kind == tokenSymbol && last.is(".") && t.text[0] == '*':
				found.rows = true
			}
			last = t
		}
	}
	return found
}
