//go:build !race

package declared

const raceEnabled = false
