package sqlite

import (
	"database/sql/driver"
	"reflect"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// metadata asks SQLite which collation a column has: no SQL tells. It asks
// through what the driver keeps to itself.
type metadata struct {
	tls *libc.TLS
	db  uintptr
}

// metadataOf returns one that knows nothing where the driver keeps it otherwise.
func metadataOf(conn driver.Conn) metadata {
	v := reflect.ValueOf(conn)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return metadata{}
	}
	tls, db := v.Elem().FieldByName("tls"), v.Elem().FieldByName("db")
	if !tls.IsValid() || tls.Type() != reflect.TypeFor[*libc.TLS]() || !db.IsValid() || db.Kind() != reflect.Uintptr {
		return metadata{}
	}
	return metadata{(*libc.TLS)(tls.UnsafePointer()), uintptr(db.Uint())}
}

// collation is the name of a column's collation, "" where it is not known.
func (m metadata) collation(table, column string) string {
	if m.db == 0 {
		return ""
	}
	var texts [3]uintptr
	defer func() {
		for _, text := range texts {
			libc.Xfree(m.tls, text)
		}
	}()
	for i, s := range [...]string{"main", table, column} {
		text, err := libc.CString(s)
		if err != nil {
			return ""
		}
		texts[i] = text
	}
	at := libc.Xmalloc(m.tls, libc.Tsize_t(unsafe.Sizeof(uintptr(0))))
	if at == 0 {
		return ""
	}
	defer libc.Xfree(m.tls, at)
	code := sqlite3.Xsqlite3_table_column_metadata(m.tls, m.db, texts[0], texts[1], texts[2], 0, at, 0, 0, 0)
	if code != sqlite3.SQLITE_OK {
		return ""
	}
	return libc.GoString(*(*uintptr)(pointer(at)))
}
