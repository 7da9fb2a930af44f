package main

import (
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// settle gives both systems the same ground: what earlier work left in the page cache is on the disk, and size bytes of memory have just been used and
// freed, so that neither pays for the first touch of memory that a hypervisor has yet to find, nor for writing back the other's data.
func settle(dir string, size int64) error {
	unix.Sync()
	if size == 0 {
		return nil
	}
	path := filepath.Join(dir, "settle")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path) //nolint:errcheck // the folder goes too
	defer f.Close()       //nolint:errcheck // nothing in it matters
	buf := make([]byte, 1<<20)
	for written := int64(0); written < size; written += int64(len(buf)) {
		if _, err := f.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// pacer waits for points in time on a thread of its own by the kernel's fine timer: the Go runtime's sleeps end up to a millisecond late, which would be
// most of what is measured.
type pacer struct{}

func newPacer() pacer {
	runtime.LockOSThread()
	return pacer{}
}

func (pacer) release() { runtime.UnlockOSThread() }

func (pacer) until(due time.Time) {
	for {
		left := time.Until(due)
		if left <= 0 {
			return
		}
		ts := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&ts, nil) // interrupted: the loop goes on
	}
}
