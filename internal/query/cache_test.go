package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestCacheIsBounded: long statements do not fill the memory, and what is
// forgotten is read again.
func TestCacheIsBounded(t *testing.T) {
	var c Cache
	long := strings.Repeat(" ", 1<<20)
	for i := range 100 {
		c.Read(&readset.Statement{Text: fmt.Sprint("SELECT ", i, long)})
		if c.Bytes() > maxCachedBytes {
			t.Fatalf("%d bytes after %d statements of a megabyte", c.Bytes(), i+1)
		}
	}
	short := &readset.Statement{Text: "SELECT 1"}
	first := c.Read(short)
	if c.Read(short) != first {
		t.Error("a statement that is in the cache was read again")
	}
	c.Clear()
	if c.Bytes() != 0 || c.Read(short) == first || c.Bytes() == 0 {
		t.Errorf("after Clear: %d bytes", c.Bytes())
	}
}
