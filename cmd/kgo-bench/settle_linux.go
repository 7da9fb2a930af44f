package main

import (
	"os"
	"path/filepath"

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
