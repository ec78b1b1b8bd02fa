//go:build planted

package planted

import (
	"os"
	"sync/atomic"
)

var (
	bug   = Bug(os.Getenv("WAKEFUL_PLANT"))
	asked atomic.Int64
)

// often is every how many times a bug shows that shows sometimes.
const often = 13

// Is reports whether the bug is planted.
func Is(b Bug) bool { return b == bug }

// Sometimes reports whether the bug is planted and shows this time.
func Sometimes(b Bug) bool { return b == bug && asked.Add(1)%often == 0 }

// Plant plants another bug, "" for none. Nothing that asks may run meanwhile.
func Plant(b Bug) { bug = b }
