//go:build !linux

package sqlite

import (
	"context"
	"errors"
	"time"
)

// watcher is not made here: the wal-index is polled.
type watcher struct{}

func watch(context.Context, string) (*watcher, error) { return nil, errors.ErrUnsupported }

func (*watcher) wait(time.Duration) bool { return false }

func (*watcher) hear(bool) {}

func (*watcher) close() {}
