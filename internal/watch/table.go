package watch

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// mark says what has just become of a row.
type mark uint8

const (
	still mark = iota
	added
	changed
	removed
)

// row is one line of the table.
type row struct {
	key  string
	data json.RawMessage
	mark mark
}

// field is one member of an item.
type field struct {
	name  string
	value json.RawMessage
}

// fields are the members of an item in its own order; what is no object is one
// value without a name.
func fields(data json.RawMessage) []field {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return []field{{"value", data}}
	}
	var all []field
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			break
		}
		all = append(all, field{name.(string), value})
	}
	return all
}

// column is one column of the table.
type column struct {
	name  string
	width int
	right bool // numbers
	cells []string
}

const (
	gap       = 2  // between columns
	narrowest = 4  // that a column is made for the others
	natural   = 60 // the widest that a column is while there is no room to spare
)

// columns are those of rows, the key first.
func columns(rows []row, key string) []*column {
	var all []*column
	at := map[string]*column{}
	for n, r := range rows {
		for _, f := range fields(r.data) {
			c := at[f.name]
			if c == nil {
				c = &column{name: f.name, cells: make([]string, len(rows)), right: true}
				at[f.name] = c
				all = append(all, c)
			}
			c.cells[n] = cell(f.value)
			if c.right && !isNumber(f.value) && string(f.value) != "null" {
				c.right = false
			}
		}
	}
	if i := slices.IndexFunc(all, func(c *column) bool { return c.name == key }); i > 0 {
		first := all[i]
		all = slices.Insert(slices.Delete(all, i, i+1), 0, first)
	}
	for _, c := range all {
		c.width = max(width(harmless(c.name)), 1)
		for _, text := range c.cells {
			c.width = max(c.width, width(text))
		}
	}
	return all
}

func isNumber(value json.RawMessage) bool {
	return len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

// fit makes columns as wide as there is room for, and returns how many of them
// that are: the widest give way first.
func fit(all []*column, room int) int {
	shown := len(all)
	least := func(c *column) int { return min(c.width, narrowest) }
	for shown > 1 {
		need := gap * (shown - 1)
		for _, c := range all[:shown] {
			need += least(c)
		}
		if need <= room {
			break
		}
		shown--
	}
	total := gap * max(shown-1, 0)
	for _, c := range all[:shown] {
		total += c.width
	}
	for shown > 0 && total > room {
		widest := slices.MaxFunc(all[:shown], func(a, b *column) int { return a.width - b.width })
		if widest.width <= 1 {
			break
		}
		next := 1
		for _, c := range all[:shown] {
			if c.width < widest.width {
				next = max(next, c.width)
			}
		}
		to := max(next, widest.width-(total-room), min(narrowest, widest.width-1))
		if to == widest.width {
			to--
		}
		total -= widest.width - to
		widest.width = to
	}
	return shown
}

// colours of the marks, and of the lines that are no rows.
var colours = map[mark]string{added: "\x1b[32m", changed: "\x1b[33m", removed: "\x1b[31;9m"}

const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// signs say without colour what the colours say.
var signs = map[mark]string{still: " ", added: "+", changed: "~", removed: "-"}

// lines are the header and the rows of a table on a screen of that size. left
// are the rows and columns that there is no room for.
func lines(rows []row, key string, wide, high int, colour bool) (out []string, moreRows, moreColumns int) {
	room := max(high-1, 0)
	if len(rows) > room {
		moreRows = len(rows) - room
		rows = rows[:room]
	}
	all := columns(rows, key)
	shown := fit(all, wide-2)
	moreColumns = len(all) - shown
	header := "  "
	for i, c := range all[:shown] {
		if i > 0 {
			header += strings.Repeat(" ", gap)
		}
		header += padded(harmless(c.name), c.width, c.right)
	}
	out = append(out, painted(cut(header, wide), bold, colour))
	for n, r := range rows {
		line := signs[r.mark] + " "
		for i, c := range all[:shown] {
			if i > 0 {
				line += strings.Repeat(" ", gap)
			}
			line += padded(c.cells[n], c.width, c.right)
		}
		out = append(out, painted(cut(strings.TrimRight(line, " "), wide), colours[r.mark], colour))
	}
	return out, moreRows, moreColumns
}

func painted(text, colour string, on bool) string {
	if !on || colour == "" {
		return text
	}
	return colour + text + plain
}
