package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Snapshot{
		"725:725:":       {Xmin: 725, Xmax: 725},
		"740:742:740":    {Xmin: 740, Xmax: 742, Xip: []uint64{740}},
		"10:20:10,12,19": {Xmin: 10, Xmax: 20, Xip: []uint64{10, 12, 19}},
		"4294967290:4294967300:4294967295,4294967299": {Xmin: 1<<32 - 6, Xmax: 1<<32 + 4, Xip: []uint64{1<<32 - 1, 1<<32 + 3}},
	} {
		got, err := Parse(text)
		if err != nil || got.Xmin != want.Xmin || got.Xmax != want.Xmax || !slices.Equal(got.Xip, want.Xip) {
			t.Errorf("Parse(%q) = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", ":", "::", "1:2", "2:1:", "1:2:3", "1:5:3,2", "1:5:3,3", "1:5:3,", "1:5:,3", "a:5:", "1:b:", "1:5:x", "-1:5:", "+1:5:", "01:5:",
		"1:99999999999999999999:", "5:9:4", "1:5: 3", "0:1:", "1:5:3:4",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", text, got)
		}
	}
}

// FuzzParse: what is accepted is what was written, and no number is taken for
// seen and unseen.
func FuzzParse(f *testing.F) {
	f.Add("10:20:10,12,19")
	f.Add("725:725:")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		list := make([]string, len(s.Xip))
		for i, xid := range s.Xip {
			list[i] = fmt.Sprint(xid)
			if s.Sees(xid) {
				t.Errorf("%q sees %d, which is in progress", text, xid)
			}
		}
		if again := fmt.Sprintf("%d:%d:%s", s.Xmin, s.Xmax, strings.Join(list, ",")); again != text {
			t.Errorf("%q came back as %q", text, again)
		}
		if s.Sees(s.Xmax) || !s.Sees(s.Xmin-1) {
			t.Errorf("%q sees %d or does not see %d", text, s.Xmax, s.Xmin-1)
		}
	})
}

// TestSees: of every number between the two ends, what is in the list is unseen.
func TestSees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := Snapshot{Xmin: 1 + rng.Uint64N(50)}
		s.Xmax = s.Xmin + rng.Uint64N(40)
		for xid := s.Xmin; xid < s.Xmax; xid++ {
			if rng.IntN(3) == 0 {
				s.Xip = append(s.Xip, xid)
			}
		}
		for xid := uint64(1); xid < s.Xmax+10; xid++ {
			want := xid < s.Xmin || xid < s.Xmax && !slices.Contains(s.Xip, xid)
			if got := s.Sees(xid); got != want {
				t.Fatalf("%+v sees %d: %t", s, xid, got)
			}
		}
	}
}

// TestWiden: every number within half of the range of a snapshot's end comes
// back from its 32 bits.
func TestWiden(t *testing.T) {
	const half = 1 << 31
	for _, xmax := range []uint64{3, 100, half - 1, half, 1<<32 - 1, 1 << 32, 1<<32 + 5, 1<<32 + half, 1<<33 - 1, 5 << 32, 5<<32 + half + 7, 1 << 50} {
		s := Snapshot{Xmin: 1, Xmax: xmax}
		for _, off := range []uint64{0, 1, 2, 20, 1000, half / 2, half - 1} {
			if got := s.Widen(uint32(xmax + off)); got != xmax+off {
				t.Errorf("%d above %d came back as %d", off, xmax, got)
			}
			if off >= xmax {
				continue
			}
			if got := s.Widen(uint32(xmax - off)); got != xmax-off {
				t.Errorf("%d below %d came back as %d", off, xmax, got)
			}
		}
	}
}
