// Package wire holds every message and code that a client can see, and turns
// them into bytes and back.
//
// PROTOCOL.md (docs/protocol.md) is the law; testdata/ has a vector of every
// message, both ways, for every client that we have or will have. Encoders
// append to a buffer and are deterministic: equal messages give equal bytes.
//
// Pipeline: diff → [wire] → gateway → client.
package wire

import (
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
)

// KeyType says how the items of a list write their key.
type KeyType uint8

const (
	// KeyNone: the list has been empty ever since; no key was seen.
	KeyNone KeyType = iota
	// KeyString: JSON strings.
	KeyString
	// KeyInteger: integers within ±2^53.
	KeyInteger
	// KeyNumber: other numbers. Keys are listed beside the items, because a
	// client that parses them to floats cannot tell them apart.
	KeyNumber
)

// Snapshot is the full list of an observer at a point. All of it is shared:
// never alter it.
type Snapshot struct {
	Observer   string          `json:"observer"`
	Epoch      string          `json:"epoch"`
	Seq        uint64          `json:"seq"`
	Position   change.Position `json:"position"`
	PrimaryKey string          `json:"primary_key"`
	KeyType    KeyType         `json:"key_type"`
	Items      *diff.List      `json:"items"`
	// Meta is the JSON object beside the list of a page, nil if none.
	Meta []byte `json:"meta,omitempty"`
}

// Changes is one diff of an observer: Seq is the previous one plus 1. All of
// it is shared: never alter it.
type Changes struct {
	Observer   string          `json:"observer"`
	Epoch      string          `json:"epoch"`
	Seq        uint64          `json:"seq"`
	Position   change.Position `json:"position"`
	PrimaryKey string          `json:"primary_key"`
	KeyType    KeyType         `json:"key_type"`
	Ops        []diff.Op       `json:"ops"`
	// Meta replaces the page's object where MetaChanged is true.
	Meta        []byte `json:"meta,omitempty"`
	MetaChanged bool   `json:"meta_changed,omitempty"`
	// List is the list after Ops. It does not cross between processes; who
	// lacks it applies Ops to the list before.
	List *diff.List `json:"-"`
	// Seen is when the server saw the first change that it tells of, Unix
	// nanoseconds, 0 where no change caused it. It is for measuring, and does not
	// cross between processes either.
	Seen int64 `json:"-"`
}

// Progress says how far a session's stream has come.
type Progress struct {
	Position change.Position `json:"position"`
	Whole    bool            `json:"whole"`
	// Behind names the observers that Position says nothing about.
	Behind []string `json:"behind,omitempty"`
}

// Closed says that an observer has ended.
type Closed struct {
	Observer string `json:"observer"`
	Code     Code   `json:"code"`
	Detail   string `json:"detail,omitempty"`
}
