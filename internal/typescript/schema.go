package typescript

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxDepth bounds how deep objects without a name are written.
const maxDepth = 16

// typeOf is a schema as a type.
func (w *writer) typeOf(s *schema, depth int) string {
	switch {
	case s == nil || depth > maxDepth:
		return "unknown"
	case s.named() != "" && w.Components.Schemas[s.named()] != nil:
		return w.nameOf(s)
	case s.Ref != "":
		return "unknown"
	}
	switch {
	case len(s.Enum) > 0:
		return w.enum(s)
	case len(s.AnyOf) > 0:
		return w.joined(s.AnyOf, " | ", depth)
	case len(s.OneOf) > 0:
		return w.joined(s.OneOf, " | ", depth)
	case len(s.AllOf) > 0:
		return w.joined(s.AllOf, " & ", depth)
	case len(s.Type) == 0 && len(s.Properties) > 0:
		return w.object(s, depth)
	}
	var all []string
	for _, word := range s.Type {
		all = append(all, w.word(word, s, depth))
	}
	return unionOf(all)
}

func unionOf(all []string) string {
	if len(all) == 0 || slices.Contains(all, "unknown") {
		return "unknown"
	}
	var once []string
	for _, text := range all {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return strings.Join(once, " | ")
}

// word is one of the types of JSON Schema.
func (w *writer) word(word string, s *schema, depth int) string {
	switch word {
	case "string", "boolean", "null":
		return word
	case "integer", "number":
		return "number"
	case "array":
		return inParentheses(w.typeOf(s.Items, depth)) + "[]"
	case "object":
		return w.object(s, depth)
	}
	return "unknown"
}

func (w *writer) enum(s *schema) string {
	var all []string
	for _, value := range s.Enum {
		var text string
		if json.Unmarshal(value, &text) == nil && string(value) != "null" {
			all = append(all, quoted(text))
		} else {
			all = append(all, string(value))
		}
	}
	return unionOf(all)
}

func (w *writer) joined(of []*schema, by string, depth int) string {
	var all []string
	for _, s := range of {
		all = append(all, w.typeOf(s, depth))
	}
	if by == " | " {
		return unionOf(all)
	}
	for i := range all {
		all[i] = inParentheses(all[i])
	}
	return strings.Join(all, by)
}

// object is a schema's members between braces. Those that are always there come
// first, in the document's order.
func (w *writer) object(s *schema, depth int) string {
	if len(s.Properties) == 0 {
		var of schema
		if json.Unmarshal(s.Additional, &of) == nil && len(s.Additional) > 0 && s.Additional[0] == '{' {
			return "{ [name: string]: " + w.typeOf(&of, depth+1) + " }"
		}
		return "{ [name: string]: unknown }"
	}
	var names []string
	for _, name := range s.Required {
		if s.Properties[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	always := len(names)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	tabs := strings.Repeat("\t", depth+1)
	var out strings.Builder
	out.WriteString("{\n")
	for i, name := range names {
		p := s.Properties[name]
		if about := aboutOf(p); about != "" {
			fmt.Fprintf(&out, "%s/** %s */\n", tabs, comment(about))
		}
		out.WriteString(tabs)
		if p.ReadOnly {
			out.WriteString("readonly ")
		}
		out.WriteString(member(name))
		if i >= always {
			out.WriteString("?")
		}
		out.WriteString(": " + w.typeOf(p, depth+1) + ";\n")
	}
	out.WriteString(strings.Repeat("\t", depth) + "}")
	return out.String()
}

// aboutOf is what a type does not say of a value.
func aboutOf(s *schema) string {
	switch {
	case s.Description != "":
		return s.Description
	case s.ContentEncoding != "":
		return s.ContentEncoding
	case s.Format != "" && s.Format != "int64":
		return s.Format
	}
	return ""
}

// comment is a text as it may stand in a comment.
func comment(text string) string {
	text = strings.ReplaceAll(text, "*/", "* /")
	return strings.Join(strings.Fields(text), " ")
}

func inParentheses(text string) string {
	if strings.ContainsAny(text, " |&") && !strings.HasPrefix(text, "{") {
		return "(" + text + ")"
	}
	return text
}

var plainName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// member is the name of a member, quoted where it has to be. Reserved words may
// stand there.
func member(name string) string {
	if plainName.MatchString(name) && name != "__proto__" {
		return name
	}
	return quoted(name)
}

// quoted is a text as a literal.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, r := range text {
		switch {
		case r == '\'' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('\'')
	return out.String()
}

// template is a path as a pattern of texts: `/api/posts/${string}`.
func template(path string) string {
	plain := strings.NewReplacer("\\", "\\\\", "`", "\\`", "$", "\\$").Replace(path)
	return "`" + plainParameter.ReplaceAllString(plain, "$${string}") + "`"
}
