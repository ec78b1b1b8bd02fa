package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// preferredWait returns what a request has for the preference wait (RFC 7240).
// The first one counts; it may stand among others, in any of several lines.
func preferredWait(header http.Header) (value string, asked bool) {
	for _, line := range header["Prefer"] {
		for line != "" {
			var one string
			one, line = cutUnquoted(line, ',')
			one, _ = cutUnquoted(one, ';') // parameters of wait mean nothing
			name, value := cutUnquoted(one, '=')
			if strings.EqualFold(strings.Trim(name, " \t"), "wait") {
				return unquote(strings.Trim(value, " \t")), true
			}
		}
	}
	return "", false
}

// parseWait reads the seconds of a preference. More than the most is the most.
func parseWait(value string, most time.Duration) (time.Duration, error) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, fmt.Errorf("want Prefer: wait=<seconds>, a whole number from 0 to %d, not wait=%.40s", int(most.Seconds()), value)
	}
	wait := time.Duration(0)
	for _, digit := range value {
		if wait = 10*wait + time.Duration(digit-'0')*time.Second; wait >= most {
			return most, nil // also where more digits would overflow
		}
	}
	return wait, nil
}

// cutUnquoted cuts at the first separator that stands in no quoted string.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// unquote returns what a quoted string says; other text stands as it is.
func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var plain strings.Builder
	for i := 1; i < len(text)-1; i++ {
		if text[i] == '\\' && i+1 < len(text)-1 {
			i++
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}
