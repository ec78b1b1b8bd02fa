package sqlite

import (
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/wakeful-dev/wakeful/change"
	"modernc.org/libc"
	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// texts reads the whole of texts in a row's image: the driver ends them at
// their first NUL. It asks SQLite through what the driver keeps to itself.
type texts struct {
	tls    *libc.TLS
	cursor uintptr
}

// textsOf returns false where the driver keeps it otherwise.
func textsOf(d *driversqlite.SQLitePreUpdateData) (texts, bool) {
	v := reflect.ValueOf(d).Elem()
	tls, cursor := v.FieldByName("tls"), v.FieldByName("pCsr")
	if !tls.IsValid() || tls.Type() != reflect.TypeFor[*libc.TLS]() || !cursor.IsValid() || cursor.Kind() != reflect.Uintptr {
		return texts{}, false
	}
	return texts{(*libc.TLS)(tls.UnsafePointer()), uintptr(cursor.Uint())}, true
}

// complete makes the texts of an image whole. It is false where that cannot be
// done: then the image says less than there is.
func complete(d *driversqlite.SQLitePreUpdateData, values []any, isNew bool) bool {
	if !slices.ContainsFunc(values, isText) {
		return true
	}
	x, ok := textsOf(d)
	return ok && x.complete(values, isNew)
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// complete puts the whole texts into the values of an image. It is false where
// that cannot be done.
func (x texts) complete(values []any, isNew bool) bool {
	at := libc.Xmalloc(x.tls, libc.Tsize_t(unsafe.Sizeof(uintptr(0))))
	if at == 0 {
		return false
	}
	defer libc.Xfree(x.tls, at)
	for i, v := range values {
		short, ok := v.(string)
		if !ok {
			continue
		}
		code := int32(0)
		if isNew {
			code = sqlite3.Xsqlite3_preupdate_new(x.tls, x.cursor, int32(i), at)
		} else {
			code = sqlite3.Xsqlite3_preupdate_old(x.tls, x.cursor, int32(i), at)
		}
		if code != sqlite3.SQLITE_OK {
			values[i] = change.Unknown // a generated column: the driver repeats another one
			continue
		}
		value := *(*uintptr)(pointer(at))
		text := sqlite3.Xsqlite3_value_text(x.tls, value)
		if size := int(sqlite3.Xsqlite3_value_bytes(x.tls, value)); size != len(short) && text != 0 {
			values[i] = strings.Clone(unsafe.String((*byte)(pointer(text)), size))
		}
	}
	return true
}

// pointer is an address in memory that the Go runtime does not manage.
func pointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
