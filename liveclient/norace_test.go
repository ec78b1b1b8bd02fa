//go:build !race

package liveclient

const raceEnabled = false
