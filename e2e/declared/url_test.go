package declared

import (
	"encoding/base64"
	"fmt"
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

// parameter is how URLs name the column.
func (c *column) parameter() string { return strings.Trim(c.name, `"`) }

// route is a list with the table that it is of.
type route struct {
	path, table string
	asks        bool // nested or scoped by other tables
	rights      bool // that change with rows
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func pick[T any](w *world, list []T) T { return list[w.random.IntN(len(list))] }

// text is a value as a URL says it.
func text(v any) string {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case array:
		return v.url
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
	r := pick(w, w.routed)
	for plain && r.asks || !wild && r.rights {
		r = pick(w, w.routed)
	}
	list := w.columns[r.table]
	if w.chance(12) && keysOf[r.table] == "" {
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
			query.Set("owner__name", w.given(&w.columns["person"][1]))
		case 1:
			query.Set("owner__level__gte", w.given(&w.columns["person"][3]))
		default:
			query.Set("owner__team__name", w.given(&w.columns["team"][1]))
		}
	}
	if r.path == "/items" && w.chance(6) {
		query.Set("search", w.given(&list[2]))
	}
	if !w.chance(3) {
		var order []string
		for range 1 + w.random.IntN(2) {
			order = append(order, pick(w, []string{"", "-"})+usable().parameter())
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
	if c.kind == "flag" || c.kind == "json" || c.kind == "array" {
		lookups = lookups[:2]
	}
	switch w.random.IntN(6) {
	case 0:
		query.Set(c.parameter()+"__isnull", pick(w, []string{"true", "false"}))
	case 1:
		if c.kind == "array" {
			break // which have commas in them
		}
		query.Set(c.parameter()+"__in", w.given(c)+","+w.given(c))
	default:
		query.Set(c.parameter()+pick(w, lookups), w.given(c))
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
