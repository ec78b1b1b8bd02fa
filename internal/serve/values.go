package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list is a flag.Value of several elements: each Set adds one.
type list interface {
	clear()
	elements() []string
}

type textValue string

func text(to *string) *textValue         { return (*textValue)(to) }
func (v *textValue) Set(s string) error  { *v = textValue(s); return nil }
func (v *textValue) String() string      { return string(*v) }
func texts(to *[]string) *textsValue     { return (*textsValue)(to) }
func (v *textsValue) Set(s string) error { *v = append(*v, s); return nil }
func (v *textsValue) String() string     { return strings.Join(*v, ",") }
func (v *textsValue) clear()             { *v = nil }
func (v *textsValue) elements() []string { return slices.Clone(*v) }

type textsValue []string

type boolean bool

func (v *boolean) Set(s string) error {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%q: want true or false", s)
	}
	*v = boolean(b)
	return nil
}

func (v *boolean) String() string   { return strconv.FormatBool(bool(*v)) }
func (v *boolean) IsBoolFlag() bool { return true }

type duration time.Duration

func (v *duration) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q: want a time, as 30s or 5m", s)
	}
	*v = duration(d)
	return nil
}

func (v *duration) String() string { return time.Duration(*v).String() }

type choice string

func (v *choice) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("%q: want text or json", s)
	}
	*v = choice(s)
	return nil
}

func (v *choice) String() string { return string(*v) }

type level slog.Level

func (v *level) Set(s string) error {
	switch s = strings.ToLower(s); s {
	case "debug", "info", "warn", "error":
		return (*slog.Level)(v).UnmarshalText([]byte(s))
	}
	return fmt.Errorf("%q: want debug, info, warn or error", s)
}

func (v *level) String() string { return strings.ToLower(slog.Level(*v).String()) }

// prefixes are networks; an address is one of its own.
type prefixes []netip.Prefix

func (v *prefixes) Set(s string) error {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		address, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q: want an address or a network, as 127.0.0.1 or 10.0.0.0/8", s)
		}
		prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
	}
	*v = append(*v, prefix.Masked())
	return nil
}

func (v *prefixes) String() string { return strings.Join(v.elements(), ",") }
func (v *prefixes) clear()         { *v = nil }

func (v *prefixes) elements() []string {
	var texts []string
	for _, prefix := range *v {
		texts = append(texts, prefix.String())
	}
	return texts
}

// pairs are names with a value each.
type pairs map[string]string

func (v *pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || value == "" {
		return fmt.Errorf("%q: want claim=header, as role=X-Remote-Role", s)
	}
	if *v == nil {
		*v = pairs{}
	}
	(*v)[name] = value
	return nil
}

func (v *pairs) String() string { return strings.Join(v.elements(), ",") }
func (v *pairs) clear()         { *v = nil }

func (v *pairs) elements() []string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(*v)) {
		texts = append(texts, name+"="+(*v)[name])
	}
	return texts
}

// size is a number of bytes; 0: the default.
type size int

var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func (v *size) Set(s string) error {
	for _, unit := range units {
		number, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n <= 0 || n > math.MaxInt/unit.bytes {
			break
		}
		*v = size(n * unit.bytes)
		return nil
	}
	return errors.New(strconv.Quote(s) + ": want a number of bytes, as 512MiB or 2GiB")
}

func (v *size) String() string {
	if *v == 0 {
		return ""
	}
	for _, unit := range units {
		if int(*v)%unit.bytes == 0 {
			return strconv.Itoa(int(*v)/unit.bytes) + unit.name
		}
	}
	return strconv.Itoa(int(*v))
}
