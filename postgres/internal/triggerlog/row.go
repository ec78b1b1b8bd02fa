package triggerlog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/pgoutput"
)

// errRow is that a row is not written as the table is described.
var errRow = errors.New("triggerlog: a row that is none of its table")

// image reads a row as the server writes one as text: (1,,"a ""b""").
func (l *layout) image(text string) ([]any, error) {
	if len(text) < 2 || text[0] != '(' || text[len(text)-1] != ')' {
		return nil, errRow
	}
	rest := text[1 : len(text)-1]
	row := make([]any, len(l.columns))
	for i := range row {
		row[i] = change.Unknown
	}
	for i, f := range l.fields {
		if i > 0 {
			if rest == "" || rest[0] != ',' {
				return nil, errRow
			}
			rest = rest[1:]
		}
		value, null, after, err := cutField(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		switch {
		case f.to < 0 || f.lost:
		case null:
			row[f.to] = nil
		default:
			parsed, ok := pgoutput.Value(f.oid, value)
			if !ok {
				return nil, fmt.Errorf("%w: %.40q is no value of type %d", errRow, value, f.oid)
			}
			row[f.to] = parsed
		}
	}
	if rest != "" {
		return nil, errRow
	}
	return row, nil
}

// cutField takes one value off a row. Nothing at all is NULL; what has quotes
// and the like in it stands in quotes, where both " and \ stand twice.
func cutField(text string) (value string, null bool, rest string, err error) {
	if text == "" || text[0] == ',' {
		return "", true, text, nil
	}
	if text[0] != '"' {
		end := strings.IndexByte(text, ',')
		if end < 0 {
			end = len(text)
		}
		if strings.ContainsAny(text[:end], `"\()`) {
			return "", false, "", errRow
		}
		return text[:end], false, text[end:], nil
	}
	var b strings.Builder
	at := 1
	for {
		n := strings.IndexAny(text[at:], `"\`)
		if n < 0 {
			return "", false, "", errRow
		}
		b.WriteString(text[at : at+n])
		at += n
		if at+1 < len(text) && text[at+1] == text[at] {
			b.WriteByte(text[at])
			at += 2
			continue
		}
		if text[at] != '"' {
			return "", false, "", errRow
		}
		return b.String(), false, text[at+1:], nil
	}
}
