package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fdatasync: it leaves out times and other metadata that reading back does not need. The file stays open meanwhile
// because the caller holds it.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
