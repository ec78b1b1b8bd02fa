package change

import (
	"encoding/binary"
	"slices"
)

// AppendKey appends text that is equal for two rows of a table only where the
// values of their keys are. It is false for values of which Go may find equal
// what the database does not, or the reverse.
func AppendKey(text []byte, values ...any) ([]byte, bool) {
	for _, value := range values {
		switch value := value.(type) {
		case int64:
			text = binary.BigEndian.AppendUint64(append(text, 'i'), uint64(value))
		case string:
			text = append(binary.AppendUvarint(append(text, 's'), uint64(len(value))), value...)
		case []byte:
			text = append(binary.AppendUvarint(append(text, 'b'), uint64(len(value))), value...)
		case bool:
			if text = append(text, 'f'); value {
				text[len(text)-1] = 't'
			}
		default:
			return nil, false
		}
	}
	return text, true
}

// OldKey is AppendKey of the row before the change: of its values in the columns
// named. It is false too where one of them is not known.
func (c *Change) OldKey(columns []string) (key string, known bool) { return c.key(c.Old, columns) }

// NewKey is the same of the row after the change.
func (c *Change) NewKey(columns []string) (key string, known bool) { return c.key(c.New, columns) }

func (c *Change) key(image []any, columns []string) (key string, known bool) {
	if len(columns) == 0 || image == nil {
		return "", false
	}
	var room [32]byte
	text := room[:0]
	for _, name := range columns {
		i := slices.Index(c.Columns, name)
		if i < 0 || i >= len(image) {
			return "", false
		}
		if text, known = AppendKey(text, image[i]); !known {
			return "", false
		}
	}
	return string(text), true
}
