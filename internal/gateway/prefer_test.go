package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPreferredWait(t *testing.T) {
	tests := []struct {
		lines []string
		value string
		asked bool
	}{
		{nil, "", false},
		{[]string{""}, "", false},
		{[]string{"wait=10"}, "10", true},
		{[]string{"WAIT=10"}, "10", true},
		{[]string{" wait = 10 "}, "10", true},
		{[]string{`wait="10"`}, "10", true},
		{[]string{`wait="1\0"`}, "10", true},
		{[]string{"wait"}, "", true},
		{[]string{`wait=""`}, "", true},
		{[]string{"respond-async, wait=10"}, "10", true},
		{[]string{"wait=10, wait=20"}, "10", true},
		{[]string{"respond-async", "wait=10"}, "10", true},
		{[]string{"respond-async; wait=5"}, "", false}, // a parameter of another preference
		{[]string{"wait=10; foo=1"}, "10", true},
		{[]string{`foo="a, wait=1", wait=2`}, "2", true},
		{[]string{`foo="a\", wait=1", wait=2`}, "2", true},
		{[]string{`foo="never ends, wait=1`}, "", false},
		{[]string{`foo="never ends, wait=1`, "wait=3"}, "3", true},
		{[]string{",,;=,wait=4,"}, "4", true},
		{[]string{"waiting=1", "await=2"}, "", false},
	}
	for _, tt := range tests {
		value, asked := preferredWait(http.Header{"Prefer": tt.lines})
		if value != tt.value || asked != tt.asked {
			t.Errorf("Prefer %q: %q %t, want %q %t", tt.lines, value, asked, tt.value, tt.asked)
		}
	}
}

func TestParseWait(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0": 0, "00": 0, "1": time.Second, "059": 59 * time.Second, "60": time.Minute, "61": time.Minute,
		strings.Repeat("9", 400): time.Minute, "-1": -1, "": -1, "+1": -1, "1.5": -1, "1e3": -1, "x": -1, "1 2": -1, "١": -1,
	} {
		got, err := parseWait(value, time.Minute)
		if want < 0 && (err == nil || !strings.Contains(err.Error(), "from 0 to 60")) {
			t.Errorf("wait=%s: %v %v, want an error that says what to send", value, got, err)
		}
		if want >= 0 && (err != nil || got != want) {
			t.Errorf("wait=%.10s: %v %v, want %v", value, got, err, want)
		}
	}
}

func FuzzPrefer(f *testing.F) {
	for _, line := range []string{`wait=10`, `a="\",", wait="5";x`, `"`, `\`, `=`, `wait="`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		value, asked := preferredWait(http.Header{"Prefer": {line}})
		if asked && !strings.Contains(strings.ToLower(line), "wait") {
			t.Errorf("%q is said to ask for %q", line, value)
		}
		if wait, err := parseWait(value, time.Minute); err == nil && (wait < 0 || wait > time.Minute) {
			t.Errorf("%q waits %v", line, wait)
		}
		// What stands before cannot hide a wait, unless it leaves a quote open.
		if strings.Count(line, `"`) == 0 && !asked {
			if value, asked := preferredWait(http.Header{"Prefer": {line + ",wait=7"}}); !asked || value != "7" {
				t.Errorf("%q hides the wait behind it", line)
			}
		}
	})
}

func TestHolds(t *testing.T) {
	const tag = `"w-aa-3"`
	for list, want := range map[string]bool{
		"": false, "*": true, `"w-aa-3"`: true, `W/"w-aa-3"`: true, `w/"w-aa-3"`: false, "w-aa-3": false,
		`"w-aa-2"`: false, `"w-aa-33"`: false, `"x", "w-aa-3"`: true, `"x",W/"w-aa-3" , "y"`: true, `"a,b","w-aa-3"`: true,
		`"\", "w-aa-3"`: true, `x, "w-aa-3"`: false, `"w-aa-3`: false, `"x" "w-aa-3"`: true, `,, "w-aa-3"`: true,
	} {
		header := http.Header{}
		if list != "" {
			header.Set("If-None-Match", list)
		}
		if got := holds(header, tag); got != want {
			t.Errorf("If-None-Match %s: %t, want %t", list, got, want)
		}
	}
	if !holds(http.Header{"If-None-Match": {`"x"`, tag}}, tag) {
		t.Error("the second line is not read")
	}
}
