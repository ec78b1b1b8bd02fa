// Package typescript writes the types of an API for TypeScript, from its OpenAPI
// document: the rows of each list, what a write takes, and the filters that a
// list knows, so that a wrong one does not compile.
//
// What it writes is plain declarations, sorted and with nothing of the moment in
// them: the same document gives the same bytes. Names of tables and columns may
// be anything; they become identifiers or are quoted. Documents of other programs
// are taken too, as far as their lists say that they can be observed.
//
// Pipeline: resource → OpenAPI → [typescript] → a person's editor.
package typescript

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// head begins what is written.
const head = `// Written by wakeful types. Do not edit: write it anew when the API changes.

`

// Types returns the declarations for an OpenAPI document.
func Types(openapi []byte) ([]byte, error) {
	d, err := read(openapi)
	if err != nil {
		return nil, err
	}
	w := &writer{document: d, names: map[string]string{}, taken: map[string]bool{}}
	for _, name := range []string{"Views", "Date", "Record"} {
		w.taken[name] = true
	}
	views := w.views()
	if len(views) == 0 {
		return nil, errors.New("the document has no list that can be observed")
	}
	w.text.WriteString(head)
	w.inputs()
	last := w.viewsOf(views)
	w.components()
	w.text.WriteString(last)
	return []byte(w.text.String()), nil
}

// writer is the text in the making.
type writer struct {
	*document
	text  strings.Builder
	names map[string]string // of components, as types
	taken map[string]bool
	named []string // components that are to be written
	left  []string // paths that cannot be told from others
}

// view is one path that can be followed.
type view struct {
	path    string
	get     *operation
	row     *schema
	pattern *regexp.Regexp // of a path with parameters
}

// views are those of the document, sorted.
func (w *writer) views() []view {
	var all []view
	for _, at := range slices.Sorted(maps.Keys(w.Paths)) {
		get := w.Paths[at].Get
		if !get.observable() {
			continue
		}
		row := w.rowOf(get.answer())
		if row == nil {
			continue
		}
		v := view{path: at, get: get, row: row}
		if strings.Contains(at, "{") {
			v.pattern = regexp.MustCompile("^" + pathParameter.ReplaceAllString(regexp.QuoteMeta(at), ".*") + "$")
		}
		all = append(all, v)
	}
	for _, v := range all { // the rows' own names come first
		w.nameOf(v.row)
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(v view) bool { return v.ambiguous(all) })
	for _, v := range all {
		if v.ambiguous(all) {
			w.left = append(w.left, v.path)
		}
	}
	return kept
}

// pathParameter is a parameter of a path that was quoted for a pattern.
var pathParameter = regexp.MustCompile(`\\\{[^}]*\\\}`)

// plainParameter is one as the document has it.
var plainParameter = regexp.MustCompile(`\{[^}]*\}`)

// ambiguous reports whether a pattern of TypeScript, whose parameters may hold
// slashes, takes another view's path too that is not of the same row.
func (v view) ambiguous(all []view) bool {
	return v.pattern != nil && slices.ContainsFunc(all, func(other view) bool {
		return other.path != v.path && v.pattern.MatchString(plainParameter.ReplaceAllString(other.path, "0"))
	})
}

// nameOf is the type of a component that a schema refers to, "" where it refers
// to none.
func (w *writer) nameOf(s *schema) string {
	component := s.named()
	if component == "" {
		return ""
	}
	if w.names[component] == "" {
		w.names[component] = w.free(identifier(component))
		w.named = append(w.named, component)
	}
	return w.names[component]
}

// free is a name that no other type has.
func (w *writer) free(name string) string {
	found := name
	for n := 2; w.taken[found]; n++ {
		if found = name + "Row"; w.taken[found] {
			found = fmt.Sprintf("%s%d", name, n)
		}
	}
	w.taken[found] = true
	return found
}

// identifier is a name as TypeScript's types have them: PostComment for
// post_comment.
func identifier(name string) string {
	var out strings.Builder
	upper := true
	for _, r := range name {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			upper = true
			continue
		}
		if upper {
			r = unicode.ToUpper(r)
		}
		if out.Len() == 0 && unicode.IsDigit(r) {
			out.WriteByte('T')
		}
		out.WriteRune(r)
		upper = false
	}
	if out.Len() == 0 {
		return "Table"
	}
	return out.String()
}

// components writes each component that has a name, and those that these name.
func (w *writer) components() {
	for len(w.named) > 0 {
		component := w.named[0]
		w.named = w.named[1:]
		s, name := w.Components.Schemas[component], w.names[component]
		if s != nil && s.named() == "" && len(s.Properties) > 0 && len(s.AnyOf)+len(s.OneOf)+len(s.AllOf)+len(s.Enum) == 0 && len(s.Type) < 2 {
			fmt.Fprintf(&w.text, "export interface %s %s\n\n", name, w.object(s, 0))
		} else {
			fmt.Fprintf(&w.text, "export type %s = %s;\n\n", name, w.typeOf(s, 0))
		}
	}
}

// inputs are what writes take.
func (w *writer) inputs() {
	for _, at := range slices.Sorted(maps.Keys(w.Paths)) {
		p := w.Paths[at]
		for _, in := range []struct {
			operation *operation
			suffix    string
		}{{p.Post, "New"}, {p.Patch, "Update"}, {p.Put, "Whole"}} {
			if in.operation == nil {
				continue
			}
			component := in.operation.Body.schema().named()
			if component == "" || w.names[component] != "" || w.Components.Schemas[component] == nil {
				continue
			}
			base := component
			if row := w.rowOf(in.operation.answer()); row.named() != "" {
				base = row.named()
			}
			name := identifier(component)
			if w.names[base] != "" && base != component {
				name = w.names[base] + in.suffix
			}
			w.names[component] = w.free(name)
			w.named = append(w.named, component)
		}
	}
}

// viewsOf returns what can be followed, by path.
func (w *writer) viewsOf(views []view) string {
	var out strings.Builder
	out.WriteString("/** What can be followed: typed<Views>(client).live(path, filters). */\nexport interface Views {\n")
	for _, v := range views {
		key := quoted(v.path)
		if v.pattern != nil {
			key = "[path: " + template(v.path) + "]"
		}
		fmt.Fprintf(&out, "\t%s: {\n\t\trow: %s;\n\t\tfilters: %s;\n\t};\n", key, w.typeOf(v.row, 2), w.filters(v.get))
	}
	for _, path := range w.left {
		fmt.Fprintf(&out, "\t// %s is left out: as a pattern it would take other paths of these too.\n", comment(path))
	}
	out.WriteString("}\n")
	return out.String()
}

// filters are the query's parameters, as what they take.
func (w *writer) filters(get *operation) string {
	var out strings.Builder
	for _, p := range get.Parameters {
		if p.In != "query" || p.Name == "observe" || p.Schema == nil {
			continue
		}
		if p.Description != "" {
			fmt.Fprintf(&out, "\t\t\t/** %s */\n", comment(p.Description))
		}
		fmt.Fprintf(&out, "\t\t\t%s?: %s | undefined;\n", member(p.Name), w.given(p.Schema))
	}
	if out.Len() == 0 {
		return "Record<string, never>" // none
	}
	return "{\n" + out.String() + "\t\t}"
}

// given is the type of what is given as a parameter: a time as a Date too, an
// integer of 64 bits as a bigint too, one of several as itself.
func (w *writer) given(s *schema) string {
	switch {
	case s.Items != nil && s.MinItems == 2 && s.MaxItems == 2:
		one := w.given(s.Items)
		return "readonly [" + one + ", " + one + "]"
	case s.Items != nil:
		one := w.given(s.Items)
		return one + " | readonly " + inParentheses(one) + "[]"
	}
	text := w.typeOf(s, 3)
	if s.Format == "date-time" {
		text += " | Date"
	}
	if s.Format == "int64" && slices.Contains(s.Type, "integer") {
		text += " | bigint"
	}
	return text
}
