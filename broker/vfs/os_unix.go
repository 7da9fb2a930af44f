//go:build unix

package vfs

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openFile is os.OpenFile without its attempt to poll the file, which takes five system calls to find out that regular files can't be.
func openFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	for {
		fd, err := unix.Open(name, flag|unix.O_CLOEXEC, uint32(perm.Perm()))
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// syncDir syncs the directory's entry table. Some network file systems refuse that with EINVAL or ENOTSUP: they have no such
// notion, and there is nothing else to call.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

func usage(dir string) (total, usable int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := int64(st.Bsize) //nolint:unconvert // 32 bits wide elsewhere
	return int64(st.Blocks) * block, int64(st.Bavail) * block, nil
}

// fileLock is an flock(2): it belongs to the open file, so a second Lock in the same process is refused too.
type fileLock struct{ f *os.File }

func lockFile(name, content string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		held := readHolder(f)
		_ = f.Close() // nothing was written through it
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &LockedError{Path: name, Content: held}
		}
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	if err := writeHolder(f, content); err != nil {
		_ = f.Close() // the write's error says more
		return nil, err
	}
	return &fileLock{f: f}, nil
}

// Close releases the lock. The file stays: removing it would race with another process that has it open and waits to lock it.
func (l *fileLock) Close() error { return l.f.Close() }

func removeAll(name string) error { return os.RemoveAll(name) }
