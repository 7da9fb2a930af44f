package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/windows"
)

// openFile opens with FILE_SHARE_DELETE, which os.OpenFile leaves out: with it an open segment can be renamed to .deleted and
// removed while a consumer still reads it, as on other systems.
func openFile(name string, flag int, _ os.FileMode) (*os.File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	access := uint32(windows.GENERIC_READ)
	if flag&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	create := uint32(windows.OPEN_EXISTING)
	switch {
	case flag&(os.O_CREATE|os.O_TRUNC) == os.O_CREATE|os.O_TRUNC:
		create = windows.CREATE_ALWAYS
	case flag&os.O_CREATE != 0:
		create = windows.OPEN_ALWAYS
	}
	share := uint32(windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE)
	h, err := windows.CreateFile(path, access, share, nil, create, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// renameTries bounds the wait for a virus scanner or an indexer that has the file open without FILE_SHARE_DELETE.
const renameTries = 40

func rename(oldName, newName string) error {
	var err error
	for range renameTries {
		err = os.Rename(oldName, newName)
		if err == nil || (!errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED)) {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

// removeAll falls back to plain deletes, one by one: os.RemoveAll asks for POSIX semantics, which some file systems do not know.
func removeAll(name string) error {
	first := os.RemoveAll(name)
	if first == nil {
		return nil
	}
	var paths []string
	err := filepath.WalkDir(name, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		return first
	}
	for _, path := range slices.Backward(paths) { // what a directory holds comes after it
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncDir(string) error { return nil }

func usage(dir string) (total, usable int64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, &os.PathError{Op: "usage", Path: dir, Err: err}
	}
	var free, size, allFree uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &size, &allFree); err != nil {
		return 0, 0, &os.PathError{Op: "usage", Path: dir, Err: err}
	}
	return int64(size), int64(free), nil
}

type fileLock struct{ f *os.File }

// lockByte is the byte that is locked: beyond the text, because a locked range can't be read by others on Windows.
const lockByte = 1 << 20

func lockFile(name, content string) (io.Closer, error) {
	f, err := openFile(name, os.O_RDWR|os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	overlapped := windows.Overlapped{Offset: lockByte}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &overlapped)
	if err != nil {
		held := readHolder(f)
		f.Close() // nothing was written through it
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
			return nil, &LockedError{Path: name, Content: held}
		}
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	if err := writeHolder(f, content); err != nil {
		f.Close() // the write's error says more
		return nil, err
	}
	return &fileLock{f: f}, nil
}

// Close releases the lock.
func (l *fileLock) Close() error { return l.f.Close() }
