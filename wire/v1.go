package wire

import "github.com/wakeful-dev/wakeful/diff"

// AppendV1 appends the version 1 message of one op of c.
func AppendV1(dst []byte, c *Changes, op diff.Op) []byte {
	switch op.Kind {
	case diff.Added:
		return AppendV1Added(dst, c.Observer, c.PrimaryKey, op.At, op.Data)
	case diff.Removed:
		return AppendV1Removed(dst, c.Observer, c.PrimaryKey, c.KeyType, op.Key, op.At)
	}
	dst = appendV1Head(dst, `{"msg":"changed"`, c.Observer, c.PrimaryKey, op.At)
	dst = appendRaw(appendName(dst, "item"), op.Data)
	return append(dst, '}')
}

// AppendV1Added appends an added message: item, one JSON value, stands at
// index order.
func AppendV1Added(dst []byte, observer, primaryKey string, order int, item []byte) []byte {
	dst = appendV1Head(dst, `{"msg":"added"`, observer, primaryKey, order)
	dst = appendRaw(appendName(dst, "item"), item)
	return append(dst, '}')
}

// AppendV1Removed appends a removed message, whose item is the key and nothing
// else. order is the last index of the item; a make-good does not know it and
// says 0, clients do not read it.
func AppendV1Removed(dst []byte, observer, primaryKey string, t KeyType, key string, order int) []byte {
	dst = appendV1Head(dst, `{"msg":"removed"`, observer, primaryKey, order)
	dst = append(dst, `,"item":{`...)
	dst = AppendString(dst, primaryKey)
	dst = append(dst, ':')
	dst = appendKey(dst, t, key)
	return append(dst, '}', '}')
}

// AppendV1Closed appends the message that an observer has ended, which clients
// older than it raise as an error event.
func AppendV1Closed(dst []byte, observer string, code Code) []byte {
	dst = append(dst, `{"msg":"closed"`...)
	dst = appendMember(dst, "observer", observer)
	dst = appendMember(dst, "code", string(code))
	return append(dst, '}')
}

func appendV1Head(dst []byte, msg, observer, primaryKey string, order int) []byte {
	dst = append(dst, msg...)
	dst = appendMember(dst, "observer", observer)
	dst = appendMember(dst, "primary_key", primaryKey)
	return appendInt(dst, "order", order)
}

// appendKey appends a key as the view wrote it.
func appendKey(dst []byte, t KeyType, key string) []byte {
	if t == KeyInteger || t == KeyNumber {
		return append(dst, key...)
	}
	return AppendString(dst, key)
}
