package memory

import "testing"

// BenchmarkDiff is what the account costs for one diff that worker and gateway
// keep, and let go of.
func BenchmarkDiff(b *testing.B) {
	a := New(0)
	kept := make([]*thing, 1000)
	for i := range kept {
		kept[i] = &thing{bytes: 100}
		a.Hold(Logs, kept[i], func() int { return 100 })
		a.Hold(Logs, kept[i], func() int { return 100 })
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		old, one := kept[i%1000], &thing{bytes: 100}
		a.Hold(Logs, one, func() int { return one.bytes })
		a.Hold(Logs, one, func() int { return one.bytes })
		a.Drop(old)
		a.Drop(old)
		kept[i%1000] = one
	}
}
