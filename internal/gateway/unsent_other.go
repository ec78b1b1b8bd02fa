//go:build !linux

package gateway

// limitUnsent does nothing where the system has no such limit.
func limitUnsent(carrier) {}
