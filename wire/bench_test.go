package wire_test

import (
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

func row(id, score int) []byte {
	return fmt.Appendf(nil, `{"id":%d,"name":"somebody number %d","score":%d,"tags":["a","b"],"owner":{"id":4,"name":"Ada"},"created_at":"2026-11-23T08:00:00Z","note":null,"done":false}`, id, id, score)
}

func oneChange() *wire.Changes {
	return &wire.Changes{Observer: observer, Epoch: "0123456789abcdef", Seq: 41, Position: at("42"), PrimaryKey: "id", KeyType: wire.KeyInteger,
		Ops: []diff.Op{{Kind: diff.Changed, Key: "7", At: 3, Moved: true, Old: row(7, 1), Data: row(7, 2)}}}
}

func BenchmarkAppendChanges(b *testing.B) {
	c := oneChange()
	many := oneChange()
	for i := range 99 {
		many.Ops = append(many.Ops, diff.Op{Kind: diff.Changed, Key: fmt.Sprint(i), Old: row(i, 1), Data: row(i, 2)})
	}
	for _, bb := range []struct {
		name string
		c    *wire.Changes
	}{{"1", c}, {"100", many}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = wire.AppendChanges(dst[:0], bb.c)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

func BenchmarkAppendV1(b *testing.B) {
	c := oneChange()
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = wire.AppendV1(dst[:0], c, c.Ops[0])
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendSnapshot(b *testing.B) {
	s := &wire.Snapshot{Observer: observer, Epoch: "e", Position: at("42"), PrimaryKey: "id", KeyType: wire.KeyInteger}
	var items []diff.Item
	for i := range 100 {
		items = append(items, diff.Item{Key: fmt.Sprint(i), Data: row(i, 1)})
	}
	s.Items = diff.NewList(items)
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = wire.AppendSnapshot(dst[:0], s, wire.ReasonSubscribe)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecodeResume(b *testing.B) {
	for _, form := range []struct{ name, before string }{{"plain", ""}, {"any", " "}} {
		frame := fmt.Appendf(nil, `%s{"type":"resume","id":1,"observers":{%q:{"epoch":"0123456789abcdef","seq":41,"url":"/posts?author=7"}}}`, form.before, observer)
		b.Run(form.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.DecodeClient(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
