package triggerlog

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// written writes a row as the server does: NULL is nothing.
func written(values ...any) string {
	var parts []string
	for _, value := range values {
		text, ok := value.(string)
		switch {
		case !ok:
			parts = append(parts, "")
		case text == "" || strings.ContainsAny(text, "\"\\(), \t\n\r\v\f"):
			parts = append(parts, `"`+strings.NewReplacer(`"`, `""`, `\`, `\\`).Replace(text)+`"`)
		default:
			parts = append(parts, text)
		}
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// texts is a table of so many text columns.
func texts(n int) *layout {
	l := &layout{columns: make([]string, n), fields: make([]field, n)}
	for i := range n {
		l.fields[i] = field{to: i, oid: 25}
	}
	return l
}

func FuzzImage(f *testing.F) {
	f.Add("", `a"b\`, "(,)")
	f.Add("a", " ", "\x00é")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		row, err := texts(4).image(written(a, nil, b, c))
		if want := []any{a, nil, b, c}; err != nil || !reflect.DeepEqual(row, want) {
			t.Errorf("%q came back as %q, %v", want, row, err)
		}
		_, _ = texts(2).image(a) // whatever it is, no panic
		_, _ = texts(2).image("(" + b + ")")
	})
}

func TestImage(t *testing.T) {
	parted := &layout{columns: []string{"id", "n", "path"}, fields: []field{{to: 1, oid: 701}, {to: -1, oid: 25}, {to: 0, oid: 23}, {to: 2, oid: 2205, lost: true}}}
	row, err := parted.image("(1.5,gone,7,public.x)")
	if want := []any{int64(7), 1.5, change.Unknown}; err != nil || !reflect.DeepEqual(row, want) {
		t.Errorf("%v, %v", row, err)
	}
	for _, text := range []string{"", "(", "()", "(a)", "(a,b", "(a,b,c)", `("a,b)`, `(a"b",c)`, `("a"b,c)`, `("\x",c)`, `(a,b,)`, `("a\",c)`} {
		if row, err := texts(2).image(text); err == nil {
			t.Errorf("%s is read as %q", text, row)
		}
	}
	if _, err := (&layout{columns: []string{"n"}, fields: []field{{to: 0, oid: 23}}}).image("(x)"); err == nil {
		t.Error("a word is read as a number")
	}
}
