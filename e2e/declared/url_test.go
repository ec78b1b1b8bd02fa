package declared

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"strings"
)

// column is a column as requests and writers use it.
type column struct {
	name   string
	kind   string
	values []any // that are written, and asked for
	asks   bool  // comparing or ordering by it is the database's to decide
}

var (
	numbers  = []any{int64(0), int64(1), int64(2), int64(3), int64(5), int64(8), int64(13), int64(-1), int64(9007199254740993), int64(9223372036854775807), int64(-9223372036854775808)}
	small    = []any{int64(0), int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7), nil}
	decimals = []any{int64(1), 1.5, 0.1, 99.99, int64(-3), 1e15, nil, int64(2), int64(9007199254740993), 9007199254740994.0, 1e19}
	ratios   = []any{0.0, math.Copysign(0, -1), 0.5, -0.5, 1e300, -1e300, 1.0, 2.0, inf, -inf, nil}
	words    = []any{"a", "A", "b", "ab", "AB", "aB", "abc", "b ", "b  ", "", "ä", "Ä", "日本", "a%b", "a_b", "z", "Zoë", nil, "5"}
	flags    = []any{int64(0), int64(1), nil}
	stamps   = []any{"2024-01-02 03:04:05", "2024-01-02 03:04:05.5", "2024-01-03 00:00:00", "2023-12-31 23:59:59", nil}
	jsons    = []any{`{"a":1}`, `[]`, `"x"`, nil, `{"b":[1,2]}`}
	blobs    = []any{[]byte{}, []byte{0}, []byte("abc"), []byte{255, 254}, nil}
	uuids    = []any{"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-00000000000a", nil}
	mixed    = []any{int64(1), "1", 1.5, "a", []byte("a"), nil, "B", int64(2), "", "a\x00b", "a\x00", "\xffz", []byte{}, 1e300, int64(9007199254740993)}
	plainly  = []any{"a", "b", "c", "A", "abc"}
)

var columns = map[string][]column{
	"item": {
		{"id", "number", small[:8], false}, {"owner", "number", small, false}, {"title", "text", words, false}, {"score", "number", numbers, false},
		{"price", "number", decimals, false}, {"ratio", "number", ratios, false}, {"note", "text", words, false}, {"pad", "text", words, false},
		{"done", "flag", flags, false}, {"made", "stamp", stamps, false}, {"data", "json", jsons, false}, {"raw", "blob", blobs, false},
		{"uid", "uuid", uuids, false},
	},
	"person": {{"id", "number", small[:8], false}, {"name", "text", words, false}, {"team", "number", small[:3], false}, {"level", "number", small, false}},
	"team":   {{"id", "number", small[:3], false}, {"name", "text", plainly, false}},
	"odd": {
		{"id", "number", small[:8], false}, {"back", "text", words, true}, {"lax", "any", mixed, false}, {"twice", "text", words, true},
		{"stored", "number", numbers[:6], false}, {"owner", "number", small, false},
	},
	"pair":  {{"a", "number", small[:5], false}, {"b", "text", plainly, false}, {"v", "number", numbers, false}},
	"code":  {{"code", "text", plainly, false}, {"v", "number", numbers, false}, {"label", "text", words, false}},
	"exact": {{"k", "number", small[:8], false}, {"t", "text", plainly, false}, {"n", "number", numbers, false}, {"r", "number", ratios[:9], false}, {"a", "any", mixed, true}},
}

// route is a list with the table that it is of.
type route struct {
	path, table string
	asks        bool // nested or scoped by other tables
	rights      bool // that change with rows
}

var routes = []route{
	{"/items", "item", false, false}, {"/items", "item", false, false}, {"/items", "item", false, false}, {"/mine", "item", false, false}, {"/ours", "item", true, false},
	{"/club", "item", true, true}, {"/club", "item", true, true}, {"/people", "person", true, false}, {"/odd", "odd", true, false}, {"/pair", "pair", false, false}, {"/code", "code", false, false}, {"/exact", "exact", false, false},
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func pick[T any](w *world, list []T) T { return list[w.random.IntN(len(list))] }

// text is a value as a URL says it.
func text(v any) string {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float64:
		switch v {
		case inf:
			return "Infinity"
		case -inf:
			return "-Infinity"
		}
	}
	return fmt.Sprint(v)
}

// given is a value that is none of NULL.
func (w *world) given(c *column) string {
	for {
		if v := pick(w, c.values); v != nil {
			return text(v)
		}
	}
}

// url makes a random list. Of a plain one all can be decided in memory.
func (w *world) url(plain, wild bool) string {
	r := pick(w, routes)
	for plain && r.asks || !wild && r.rights {
		r = pick(w, routes)
	}
	list := columns[r.table]
	if w.chance(12) && r.table != "pair" {
		return r.path + "/" + url.PathEscape(w.given(&list[0]))
	}
	if wild && w.chance(25) {
		return "/summary?ordering=" + pick(w, []string{"-best", "items", "-items"})
	}
	query := url.Values{}
	usable := func() *column {
		for {
			if c := &list[w.random.IntN(len(list))]; !plain || !c.asks {
				return c
			}
		}
	}
	for range w.random.IntN(3) {
		w.filter(query, usable())
	}
	if r.table == "item" && !plain && w.chance(2) {
		switch w.random.IntN(3) {
		case 0:
			query.Set("owner__name", w.given(&columns["person"][1]))
		case 1:
			query.Set("owner__level__gte", w.given(&columns["person"][3]))
		default:
			query.Set("owner__team__name", w.given(&columns["team"][1]))
		}
	}
	if r.path == "/items" && w.chance(6) {
		query.Set("search", w.given(&list[2]))
	}
	if !w.chance(3) {
		var order []string
		for range 1 + w.random.IntN(2) {
			order = append(order, pick(w, []string{"", "-"})+usable().name)
		}
		query.Set("ordering", strings.Join(order, ","))
	}
	w.page(query)
	return r.path + "?" + query.Encode()
}

func (w *world) filter(query url.Values, c *column) {
	lookups := []string{"", "__ne", "__gt", "__gte", "__lt", "__lte"}
	if c.kind == "text" {
		lookups = append(lookups, "__contains", "__icontains", "__startswith", "__istartswith", "__endswith", "__iendswith", "__iexact")
	}
	if c.kind == "flag" || c.kind == "json" {
		lookups = lookups[:2]
	}
	switch w.random.IntN(6) {
	case 0:
		query.Set(c.name+"__isnull", pick(w, []string{"true", "false"}))
	case 1:
		query.Set(c.name+"__in", w.given(c)+","+w.given(c))
	default:
		query.Set(c.name+pick(w, lookups), w.given(c))
	}
}

func (w *world) page(query url.Values) {
	size := fmt.Sprint(1 + w.random.IntN(12))
	switch w.random.IntN(5) {
	case 0:
		query.Set("page", fmt.Sprint(1+w.random.IntN(3)))
		query.Set("page_size", size)
	case 1:
		query.Set("cursor", "")
		query.Set("limit", size)
	case 2:
		query.Set("limit", "1000")
	default:
		query.Set("limit", size)
		query.Set("offset", fmt.Sprint(w.random.IntN(30)))
	}
}

// follow has a client follow a random list, of those in pages by cursor maybe
// the next page.
func (w *world) follow(c *client, plain, wild bool) {
	for {
		address := w.url(plain, wild)
		if strings.Contains(address, "cursor=&") && w.chance(2) {
			if next := w.next(c, address); next != "" {
				address = next
			}
		}
		if w.observe(c, address) {
			return
		}
		w.unanswered++
	}
}

// next is the page after one, "" where there is none.
func (w *world) next(c *client, address string) string {
	_, rest, found := strings.Cut(string(w.fetch(c.as, address).meta), `"next":"`)
	link, _, _ := strings.Cut(rest, `"`)
	if u, err := url.Parse(strings.ReplaceAll(link, `\u0026`, "&")); found && err == nil {
		return u.RequestURI()
	}
	return ""
}

// alike has every client follow lists that differ in who asks alone.
func (w *world) alike() {
	for _, address := range []string{"/mine?owner__name__icontains=a", "/ours?limit=5", "/ours?done=1&limit=4"} {
		for _, c := range w.clients {
			w.observe(c, address)
		}
	}
}
