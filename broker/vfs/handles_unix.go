//go:build unix

package vfs

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

func outOfHandles(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }

func handleLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt64 { //nolint:unconvert // signed on some systems
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // as above
}
