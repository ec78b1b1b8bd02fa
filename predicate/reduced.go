package predicate

import (
	"database/sql"
	"math"
	"reflect"
	"time"
)

// Reduced is an argument as drivers of PostgreSQL take it, in the few types
// that conditions know: nil, bool, int64, float64, string, []byte, [16]byte,
// time.Time, or []any of these for a slice. What has a type of its own with
// methods, by which it may say another value, is returned as it is.
func Reduced(value any) any {
	switch v := value.(type) {
	case nil, bool, int64, float64, string, []byte, [16]byte, time.Time:
		return v
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case sql.NullString:
		return ifValid(v.String, v.Valid)
	case sql.NullInt64:
		return ifValid(v.Int64, v.Valid)
	case sql.NullInt32:
		return ifValid(int64(v.Int32), v.Valid)
	case sql.NullInt16:
		return ifValid(int64(v.Int16), v.Valid)
	case sql.NullBool:
		return ifValid(v.Bool, v.Valid)
	case sql.NullFloat64:
		return ifValid(v.Float64, v.Valid)
	case sql.NullTime:
		return ifValid(v.Time, v.Valid)
	}
	return reflected(value)
}

func ifValid(v any, valid bool) any {
	if valid {
		return v
	}
	return nil
}

// uuids are packages whose type UUID is its 16 bytes to every driver.
var uuids = map[string]bool{
	"github.com/google/uuid": true, "github.com/gofrs/uuid": true, "github.com/gofrs/uuid/v5": true,
}

// reflected reduces types that are made of simple ones.
func reflected(value any) any {
	of := reflect.TypeOf(value)
	if of.Kind() == reflect.Array && of.Len() == 16 && of.Elem().Kind() == reflect.Uint8 && uuids[of.PkgPath()] {
		return reflect.ValueOf(value).Convert(reflect.TypeFor[[16]byte]()).Interface()
	}
	if of.NumMethod() > 0 || of.Name() != "" && reflect.PointerTo(of).NumMethod() > 0 {
		if of.Kind() == reflect.Pointer && of.Elem() == reflect.TypeFor[time.Time]() {
			return pointed(value)
		}
		return value
	}
	v := reflect.ValueOf(value)
	switch of.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= math.MaxInt64 {
			return int64(n)
		}
	case reflect.Float32:
		if f := v.Float(); f == math.Trunc(f) {
			return f
		}
	case reflect.Float64:
		return v.Float()
	case reflect.String:
		return v.String()
	case reflect.Pointer:
		return pointed(value)
	case reflect.Slice:
		return listed(v)
	}
	return value
}

func pointed(value any) any {
	v := reflect.ValueOf(value)
	if v.IsNil() {
		return nil
	}
	if v.Elem().Kind() == reflect.Pointer || v.Elem().Kind() == reflect.Slice {
		return value
	}
	if to := Reduced(v.Elem().Interface()); simple(to) {
		return to
	}
	return value
}

// listed reduces the elements of a slice: all of them, or the slice stays.
func listed(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return v.Interface() // bytes under another name
	}
	list := make([]any, v.Len())
	for i := range list {
		if list[i] = Reduced(v.Index(i).Interface()); !simple(list[i]) {
			return v.Interface()
		}
	}
	return list
}

func simple(v any) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string, []byte, [16]byte, time.Time:
		return true
	}
	return false
}
