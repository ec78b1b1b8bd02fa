package wire

import "strconv"

// plainResume reads a resume frame that is written plainly: compact, with no
// escapes and no members that it does not know, as clients write it. Of all
// others it says false. Every client that comes back begins with one, a crowd
// of them at once, and reading it so costs a tenth of encoding/json.
func plainResume(frame []byte) (*Resume, bool) {
	var space [4]field
	members, ok := splitObject(space[:0], frame)
	if !ok || len(members) > 3 || !distinct(members) {
		return nil, false
	}
	m, is := &Resume{}, false
	for _, f := range members {
		switch string(f.name) {
		case "type":
			is = string(f.value) == `"resume"`
		case "id":
			_, ok = plainNumber(f.value)
			m.ID = ID(f.value)
		case "observers":
			m.Observers, ok = plainObservers(f.value)
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return m, is
}

func plainObservers(text []byte) (map[string]Resuming, bool) {
	var space [4]field // most follow a few lists; more room would make the stack of each reader grow
	observers, ok := splitObject(space[:0], text)
	if !ok {
		return nil, false
	}
	all := make(map[string]Resuming, len(observers))
	for _, o := range observers {
		at, ok := plainResuming(o.value)
		if !ok || !plain(o.name) {
			return nil, false
		}
		all[string(o.name)] = at
	}
	return all, true
}

func plainResuming(text []byte) (at Resuming, ok bool) {
	var space [4]field
	members, ok := splitObject(space[:0], text)
	if !ok {
		return at, false
	}
	for _, f := range members {
		switch string(f.name) {
		case "epoch":
			at.Epoch, ok = plainString(f.value)
		case "seq":
			at.Seq, ok = plainNumber(f.value)
		case "url":
			at.URL, ok = plainString(f.value)
		default:
			ok = false
		}
		if !ok {
			return at, false
		}
	}
	return at, true
}

// plainNumber reads a whole number that is not negative.
func plainNumber(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil
}

func plainString(text []byte) (string, bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' || !plain(text[1:len(text)-1]) {
		return "", false
	}
	return string(text[1 : len(text)-1]), true
}

// plain reports whether text stands for itself in a JSON string.
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
