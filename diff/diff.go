// Package diff finds the least ordered changes between two keyed lists, and
// applies them, also to a List, whose versions share what is the same in them.
//
// The law: Apply(old, Between(old, new)) equals new, order included. The ops
// are a script: each is valid on the list that the ones before it left, under
// the rules of the version 1 protocol, so a client that only inserts, replaces,
// moves and removes as told ends with the server's list.
//
// Pipeline: observer → [diff] → bus.
package diff

// Item is one element of a list. Data is one JSON value and is shared: never
// alter it.
type Item struct {
	Key  string
	Data []byte
}

// Kind says what an Op does.
type Kind uint8

const (
	// Added: Data is inserted at index At; the key is not in the list.
	Added Kind = iota + 1
	// Changed: the item is taken out and Data inserted at At, counted after
	// it was taken out. Moved is false where that is the index it had.
	Changed
	// Removed: the item, at index At, leaves.
	Removed
)

// Op is one step from the old list to the new one.
type Op struct {
	Kind  Kind   `json:"kind"`
	Key   string `json:"key"`
	At    int    `json:"at"`
	Moved bool   `json:"moved,omitempty"`
	// From is one more than the index that a moved item had before it was
	// taken out, 0 where that is not said: the item is then found by its key.
	From int `json:"from,omitempty"`
	// Data is the whole new item, nil for Removed.
	Data []byte `json:"data,omitempty"`
	// Old is the whole old item, nil for Added. It is not sent between
	// processes: List.Apply fills it in from the receiver's own list.
	Old []byte `json:"-"`
}
