package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/wire"
)

func TestSplitKey(t *testing.T) {
	for _, c := range []struct {
		segment string
		n       int
		want    []string // nil: an error
	}{
		{"7", 1, []string{"7"}},
		{"a,b", 1, []string{"a,b"}},
		{"a%2Cb", 1, []string{"a,b"}},
		{"a%2Fb", 1, []string{"a/b"}},
		{"", 1, []string{""}},
		{"1,2", 2, []string{"1", "2"}},
		{"a%2Cb,c", 2, []string{"a,b", "c"}},
		{"a%252Cb%2Cc", 2, []string{"a,b", "c"}},
		{"%2C,", 2, []string{",", ""}},
		{"1", 2, nil},
		{"1,2,3", 2, nil},
		{"%zz", 1, nil},
		{"%zz,1", 2, nil},
		{"%zz", 2, nil},
	} {
		got, err := wire.SplitKey(c.segment, c.n)
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("SplitKey(%q, %d) = %q, %v, want %q", c.segment, c.n, got, err, c.want)
		}
	}
}

// FuzzKey: a key leads back to its parts, and no two keys are one.
func FuzzKey(f *testing.F) {
	f.Add("a,b", "c", "")
	f.Add("%2C", "ü/\x00", "~")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, parts := range [][]string{{a}, {a, b}, {a, b, c}} {
			segment := wire.KeySegment(parts...)
			if strings.ContainsAny(segment, "/?#") {
				t.Fatalf("%q is no path segment", segment)
			}
			got, err := wire.SplitKey(segment, len(parts))
			if err != nil || !slices.Equal(got, parts) {
				t.Fatalf("%q → %q → %q, %v", parts, segment, got, err)
			}
		}
		if wire.Key(a, b) == wire.Key(b, a) && a != b {
			t.Fatalf("%q and %q make one key in either order", a, b)
		}
	})
}
