//go:build !linux

package role

import "errors"

func resident() (int64, error) {
	return 0, errors.New("role: how much memory a process uses is measured on Linux only")
}
