package query

import (
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
)

// A Cache keeps no more statements and bytes than these.
const (
	maxCached      = 10_000
	maxCachedBytes = 64 << 20
)

// Cache keeps statements as they were read, by text and schema: those of late,
// and of the rest those that were asked for since. The zero value is ready.
type Cache struct {
	mu      sync.RWMutex
	young   map[cached]*Query
	old     map[cached]*Query // what young was before
	bytes   [2]int            // about what each takes
	catalog *catalog          // of the newest schema
}

type cached struct {
	schema *readset.Schema
	text   string
	writes bool
}

// Read returns the statement as it was understood, from the cache where it is
// there.
func (c *Cache) Read(statement *readset.Statement) *Query {
	if len(statement.Text) > maxText {
		return c.fresh(statement) // opaque at once, and too much to keep
	}
	key := cached{statement.Schema, statement.Text, statement.Writes}
	c.mu.RLock()
	q, old := c.young[key], c.old[key]
	c.mu.RUnlock()
	switch {
	case q != nil:
		return q
	case old != nil:
		q = old
	default:
		q = c.fresh(statement)
	}
	c.keep(key, q)
	return q
}

// keep puts a query among the young. When these are half of what may be kept
// they are the old, and the old are forgotten.
func (c *Cache) keep(key cached, q *Query) {
	weight := q.weight() + len(key.text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.young[key]; there {
		return
	}
	if c.young == nil || len(c.young) >= maxCached/2 || c.bytes[0]+weight > maxCachedBytes/2 {
		c.old, c.young, c.bytes = c.young, map[cached]*Query{}, [2]int{0, c.bytes[0]}
	}
	c.young[key] = q
	c.bytes[0] += weight
}

// weight is about how many bytes a query takes.
func (q *Query) weight() int {
	return 512 + 80*len(q.values) + 256*len(q.places) + 128*q.forms
}

// Bytes is about what the cache takes.
func (c *Cache) Bytes() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.bytes[0] + c.bytes[1]
}

// Clear forgets every statement: each is read again when it comes again.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.bytes = nil, nil, [2]int{}
}

// fresh reads a statement that is not in the cache.
func (c *Cache) fresh(statement *readset.Statement) *Query {
	c.mu.Lock()
	catalog := c.catalog
	if statement.Schema != nil && (catalog == nil || catalog.Schema != statement.Schema) {
		catalog = catalogOf(statement.Schema)
		c.catalog = catalog
	}
	c.mu.Unlock()
	if statement.Schema == nil || catalog == nil {
		return Read(statement)
	}
	return catalog.read(statement)
}
