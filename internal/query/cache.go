package query

import (
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
)

// maxCached bounds the statements that a Cache keeps.
const maxCached = 10_000

// Cache keeps statements as they were read, by text and schema. The zero value
// is ready.
type Cache struct {
	mu      sync.RWMutex
	queries map[cached]*Query
	catalog *catalog // of the newest schema
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
	if c.queries == nil || len(c.queries) >= maxCached {
		c.queries = map[cached]*Query{}
	}
	c.queries[key] = q
	return q
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
