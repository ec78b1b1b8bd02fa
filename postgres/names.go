package postgres

import "strings"

// tableName is how changes and read sets name a table.
func tableName(schema, table string) string {
	if schema == "public" {
		return namePart(table)
	}
	return namePart(schema) + "." + namePart(table)
}

// namePart quotes what could be taken for something else.
func namePart(name string) string {
	if strings.ContainsAny(name, `."`) {
		return quote(name)
	}
	return name
}

// splitName is the reverse of tableName.
func splitName(name string) (schema, table string) {
	first, rest := cutPart(name)
	if rest == "" {
		return "public", first
	}
	second, _ := cutPart(rest)
	return first, second
}

// cutPart takes the first part off a name.
func cutPart(name string) (part, rest string) {
	if !strings.HasPrefix(name, `"`) {
		part, rest, _ = strings.Cut(name, ".")
		return part, rest
	}
	for i := 1; i < len(name); i++ {
		switch {
		case name[i] != '"':
		case i+1 < len(name) && name[i+1] == '"':
			i++
		default:
			return strings.ReplaceAll(name[1:i], `""`, `"`), strings.TrimPrefix(name[i+1:], ".")
		}
	}
	return name, ""
}

// quote writes an identifier as SQL has it.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
