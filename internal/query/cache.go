package query

import (
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/readset"
)

// maxCached bounds the statements that a Cache keeps, maxCachedBytes what they
// take together.
const (
	maxCached      = 10_000
	maxCachedBytes = 64 << 20
)

// Cache keeps statements as they were read, by text and schema. The zero value
// is ready.
type Cache struct {
	mu      sync.RWMutex
	queries map[cached]*Query
	bytes   atomic.Int64 // about what the queries take
	catalog *catalog     // of the newest schema
}

type cached struct {
	schema *readset.Schema
	text   string
	writes bool
}

// Read returns the statement as it was understood, from the cache where it is
// there.
func (c *Cache) Read(statement *readset.Statement) *Query {
	key := cached{statement.Schema, statement.Text, statement.Writes}
	c.mu.RLock()
	q := c.queries[key]
	c.mu.RUnlock()
	if q != nil {
		return q
	}
	q = c.fresh(statement)
	c.mu.Lock()
	defer c.mu.Unlock()
	size := sizeOf(statement)
	if c.queries == nil || len(c.queries) >= maxCached || c.bytes.Load()+size > maxCachedBytes {
		c.queries = map[cached]*Query{}
		c.bytes.Store(0)
	}
	if _, raced := c.queries[key]; !raced {
		c.bytes.Add(size)
	}
	c.queries[key] = q
	return q
}

// sizeOf is about what a statement takes that was read: its text, and what the
// tree of it is made of.
func sizeOf(statement *readset.Statement) int64 { return 1024 + 8*int64(len(statement.Text)) }

// Bytes is about what the cache takes.
func (c *Cache) Bytes() int { return int(c.bytes.Load()) }

// Clear forgets every statement: each is read again when it comes again.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queries = nil
	c.bytes.Store(0)
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
