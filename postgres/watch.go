package postgres

import (
	"database/sql/driver"

	"github.com/wakeful-dev/wakeful/sqldb"
)

// Watch watches nothing.
func (s *Source) Watch(driver.Conn) (sqldb.Watcher, error) { return nil, nil }
