package change

import (
	"math"
	"strings"
	"testing"
)

func TestParsePosition(t *testing.T) {
	tests := []struct {
		name string
		text string
		ok   bool
	}{
		{"made here", string(NewPosition("AbCd0189", 12)), true},
		{"shortest", "AbCd01890", true},
		{"longest", strings.Repeat("a", 128), true},
		{"empty", "", false},
		{"history only", "AbCd0189", false},
		{"too long", strings.Repeat("a", 129), false},
		{"a space", "AbCd0189 1", false},
		{"a sign", "AbCd0189-1", false},
		{"a line break", "AbCd01890\n", false},
		{"not ASCII", "AbCd0189é", false},
		{"a digit of another script", "AbCd0189٣", false},
		{"not UTF-8", "AbCd0189\xff", false},
		{"zero byte", "AbCd0189\x00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParsePosition(tt.text)
			if (err == nil) != tt.ok {
				t.Fatalf("ParsePosition(%q) = %q, %v; want ok %t", tt.text, p, err, tt.ok)
			}
			if tt.ok && p.String() != tt.text {
				t.Errorf("ParsePosition(%q) = %q", tt.text, p)
			}
			if !tt.ok && (p != "" || len(err.Error()) > 200) {
				t.Errorf("ParsePosition(%q) = %q with an error of %d bytes", tt.text, p, len(err.Error()))
			}
		})
	}
}

// TestPositionOrder: numbers and their positions have one order.
func TestPositionOrder(t *testing.T) {
	numbers := []uint64{0, 1, 9, 10, 15, 16, 255, 256, 1 << 31, 1 << 32, math.MaxInt64, math.MaxUint64}
	for i, n := range numbers {
		for j, m := range numbers {
			p, q := NewPosition("aaaaaaaa", n), NewPosition("aaaaaaaa", m)
			if got := p.Reaches(q); got != (i >= j) {
				t.Errorf("%d reaches %d: %t", n, m, got)
			}
			if !p.SameHistory(q) || len(p) != len(q) {
				t.Errorf("%s and %s cannot be compared", p, q)
			}
		}
	}
}

func TestPositionsOfOtherHistories(t *testing.T) {
	here, there := NewPosition("aaaaaaaa", 5), NewPosition("bbbbbbbb", 1)
	tests := []struct {
		name    string
		p, q    Position
		same    bool
		reaches bool
	}{
		{"itself", here, here, true, true},
		{"another history, lower", there, here, false, false},
		{"another history, higher", here, there, false, false},
		{"another length", here, here + "0", false, false},
		{"anything reaches zero", here, "", false, true},
		{"zero reaches zero", "", "", true, true},
		{"zero reaches nothing else", "", here, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.SameHistory(tt.q); got != tt.same {
				t.Errorf("%q and %q are of one history: %t", tt.p, tt.q, got)
			}
			if got := tt.p.Reaches(tt.q); got != tt.reaches {
				t.Errorf("%q reaches %q: %t", tt.p, tt.q, got)
			}
		})
	}
	if got := here.History(); got != "aaaaaaaa" {
		t.Errorf("History of %s is %q", here, got)
	}
	if got := Position("short").History(); got != "" {
		t.Errorf("History of what is too short is %q", got)
	}
}

// FuzzParsePosition: what is accepted survives a header, a URL and JSON as it
// is, and belongs to the history it begins with.
func FuzzParsePosition(f *testing.F) {
	f.Add(string(NewPosition("AbCd0189", 12)))
	f.Add("AbCd0189 1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			return
		}
		if string(p) != text || p.History() != text[:HistoryLen] || !p.Reaches(p) {
			t.Errorf("ParsePosition(%q) = %q of history %q", text, p, p.History())
		}
		for _, b := range []byte(text) {
			if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(b)) {
				t.Errorf("ParsePosition(%q) accepts %q", text, b)
			}
		}
	})
}
