package resource

import (
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// described is a resource in a document, under a name of its own.
type described struct {
	*layout
	name string
}

func (s *described) addSchemas(schemas object) {
	schemas[s.name] = s.rowSchema()
	schemas[s.name+"_page"] = s.pageSchema()
	if s.unobserved == "" {
		schemas[s.name+"_observed"] = observedSchema(reference("schemas", s.name))
	}
	if s.table.View {
		return
	}
	in := &input{call: &call{layout: s.layout}, set: make([]bool, len(s.columns))}
	schemas[s.name+"_new"] = s.inputSchema(func(f *field) (takes, wants bool) { return !f.readOnly, in.wanted(f, false) })
	if len(s.key) == 0 {
		return
	}
	in.current = make([]any, len(s.columns))
	schemas[s.name+"_whole"] = s.inputSchema(func(f *field) (takes, wants bool) {
		return true, in.wanted(f, true) && (f.as == nil || !f.as.omit)
	})
	schemas[s.name+"_part"] = s.inputSchema(func(*field) (takes, wants bool) { return true, false })
}

// rowSchema is what answers show of a row.
func (s *described) rowSchema() object {
	properties, required := object{}, []any{}
	for i := range s.fields {
		f := &s.fields[i]
		if s.render != nil && !s.isKey(f) {
			continue
		}
		shown := s.fieldSchema(f)
		if f.readOnly {
			shown["readOnly"] = true
		}
		properties[f.name] = shown
		if f.as == nil || !f.as.omit {
			required = append(required, f.name)
		}
	}
	for i, n := range s.nested {
		properties[s.Nested[i].Name] = n.schema(s.Numbers)
		required = append(required, s.Nested[i].Name)
	}
	if len(s.key) > 1 {
		properties[wire.CompositeKey] = object{"type": "string", "readOnly": true, "description": "in lists that are observed: the parts of the key, percent-encoded and joined by commas"}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func (n *nested) schema(numbers value.Numbers) object {
	properties, required := object{}, []any{}
	for i := range n.shown {
		f := &n.shown[i]
		properties[f.name] = columnSchema(&f.column, f.column.Nullable, numbers)
		required = append(required, f.name)
	}
	row := object{"type": "object", "properties": properties, "required": required}
	if n.one {
		return object{"anyOf": []any{row, object{"type": "null"}}, "readOnly": true}
	}
	return object{"type": "array", "items": row, "readOnly": true}
}

// inputSchema is what a body may have.
func (s *described) inputSchema(of func(*field) (takes, wants bool)) object {
	properties, required := object{}, []any{}
	for i := range s.fields {
		f := &s.fields[i]
		takes, wants := of(f)
		if !takes {
			continue
		}
		properties[f.name] = s.fieldSchema(f)
		if wants {
			required = append(required, f.name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

// fieldSchema is what a field's value looks like.
func (s *described) fieldSchema(f *field) object {
	if f.as != nil {
		if _, plain := meant(f.as.typ); !plain {
			return object{}
		}
		if f.as.quoted {
			return object{"type": orNull(f.column.Nullable, "string")}
		}
	}
	return columnSchema(&f.column, f.column.Nullable, s.Numbers)
}

func orNull(nullable bool, types ...any) any {
	if nullable {
		types = append(types, "null")
	}
	if len(types) == 1 {
		return types[0]
	}
	return types
}

// columnSchema is what the values of a column look like, where they are of its
// type.
func columnSchema(c *schema.Column, nullable bool, numbers value.Numbers) object {
	text := func(more object) object {
		more["type"] = orNull(nullable, "string")
		return more
	}
	switch c.Type {
	case schema.Integer, schema.Decimal:
		return numberSchema(c.Type, nullable, numbers)
	case schema.Float:
		either := []any{object{"type": "number"}, object{"type": "string", "enum": []any{"NaN", "Infinity", "-Infinity"}}}
		if nullable {
			either = append(either, object{"type": "null"})
		}
		return object{"anyOf": either}
	case schema.Text:
		return text(textBounds(c, nullable))
	case schema.Array:
		return object{"type": orNull(nullable, "array"), "items": columnSchema(c.Item, true, numbers)}
	case schema.Bytes:
		return text(object{"contentEncoding": "base64"})
	case schema.Boolean:
		return object{"type": orNull(nullable, "boolean")}
	case schema.Timestamp:
		return text(object{"format": "date-time"})
	case schema.Date:
		return text(object{"format": "date"})
	case schema.Time:
		return text(object{"description": "a time of day, as 03:04:05"})
	case schema.UUID:
		return text(object{"format": "uuid"})
	case schema.JSON:
		return object{"description": "any JSON"}
	}
	return object{"type": []any{"string", "number", "boolean", "null"}}
}

// textBounds says how long a text may be, or which ones there are.
func textBounds(c *schema.Column, nullable bool) object {
	o := object{}
	if c.Length > 0 {
		o["maxLength"] = c.Length
	}
	if len(c.Labels) > 0 {
		list := make([]any, 0, len(c.Labels)+1)
		for _, label := range c.Labels {
			list = append(list, label)
		}
		if nullable {
			list = append(list, nil)
		}
		o["enum"] = list
	}
	return o
}

func numberSchema(t schema.Type, nullable bool, numbers value.Numbers) object {
	word := "number"
	o := object{}
	if t == schema.Integer {
		word = "integer"
		o["format"] = "int64"
	}
	switch numbers {
	case value.BigAsText:
		o["type"] = orNull(nullable, word, "string")
	case value.AllAsText:
		o["type"] = orNull(nullable, "string")
	default:
		o["type"] = orNull(nullable, word)
	}
	return o
}

func (s *described) pageSchema() object {
	link := object{"type": orNull(true, "string"), "format": "uri"}
	required := []any{"next", "previous", "results"}
	if len(s.Page.Styles) == 1 && s.Page.Styles[0] != ByCursor {
		required = append(required, "count")
	}
	return object{
		"type": "object",
		"properties": object{
			"count":    object{"type": "integer", "description": "rows of the whole list; pages by cursor do not have it"},
			"next":     link,
			"previous": link,
			"results":  object{"type": "array", "items": reference("schemas", s.name)},
		},
		"required": required,
	}
}

// observedSchema is the answer to a request that observes.
func observedSchema(item object) object {
	return object{
		"type": "object",
		"properties": object{
			"observer":    object{"type": "string"},
			"items":       object{"type": "array", "items": item},
			"meta":        object{"type": "object", "description": "what a page has beside its results"},
			"keys":        object{"type": "array", "items": object{"type": "string"}},
			"primary_key": object{"type": "string"},
			"epoch":       object{"type": "string"},
			"seq":         object{"type": "integer"},
			"position":    object{"type": "string"},
		},
		"required": []any{"observer", "items", "primary_key", "epoch", "seq", "position"},
	}
}
