package ivm_test

import "os"

// many is how often something random is tried: n times, a hundred times as
// often where there is time.
func many(n int) int {
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		return 100 * n
	case os.Getenv("WAKEFUL_RACE") != "":
		return max(1, n/10)
	}
	return n
}
