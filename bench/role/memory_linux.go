package role

import (
	"fmt"
	"os"
)

// resident is the second field of statm, which counts pages.
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, fmt.Errorf("role: /proc/self/statm: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}
