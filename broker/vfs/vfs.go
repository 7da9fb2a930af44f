// Package vfs is the file system as the broker sees it: the few operations a log on disk needs, behind one small interface.
//
// Everything durable goes through an FS, so that a test can make any single operation fail (errorfs), or stop the world at any
// moment and look at what a machine that lost its power would find (Mem.CrashClone). Read FS first.
//
//	OS()      the operating system's files
//	NewMem()  a file system in memory that knows what was synced and what was not
//
// Three facts of real file systems shape the interface:
//
//   - A new, renamed or removed name is durable only after the directory itself is synced: SyncDir. Systems that cannot sync a
//     directory (Windows) make it a no-op; there the file system's journal orders names.
//   - An open file may be renamed or removed. On Windows that holds because the implementation opens every file with
//     FILE_SHARE_DELETE. A directory with an open file in it can't be renamed there: close its files first.
//   - A failed sync must not be repeated: the system may have dropped the dirty pages and report success the next time. Whoever
//     gets an error from Sync or SyncData must stop trusting the file.
//
// Paths are the operating system's; the memory file system takes both separators.
package vfs

import (
	"io"
	"os"
	"time"
)

// FS is a file system. Implementations are safe for concurrent use. Errors satisfy errors.Is with fs.ErrNotExist and fs.ErrExist
// where those apply.
type FS interface {
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// Create opens a file for reading and writing and empties it, making it when it does not exist.
	Create(name string) (File, error)
	// OpenReadWrite opens a file for reading and writing, making it when it does not exist; its content stays.
	OpenReadWrite(name string) (File, error)
	// Rename moves a file or a directory; an existing file of the new name is replaced in one step.
	Rename(oldName, newName string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// RemoveAll deletes a directory and what is in it; a missing one is no error.
	RemoveAll(name string) error
	// MkdirAll makes a directory and its parents.
	MkdirAll(dir string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (FileInfo, error)
	// Lock takes an exclusive lock on the named file, creating it, and writes content into it for whoever is refused.
	// It never waits: a lock held elsewhere is a *LockedError. Closing releases the lock; the system does so when the process dies.
	Lock(name, content string) (io.Closer, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
	// Usage tells the size of the volume that holds dir and what this process may still use of it.
	Usage(dir string) (total, usable int64, err error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently; Write appends at the handle's own position.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Writer
	io.Closer
	// Size is the file's length now.
	Size() (int64, error)
	// Truncate cuts the file, or extends it with zeros.
	Truncate(size int64) error
	// Sync makes content and metadata durable.
	Sync() error
	// SyncData makes the content durable and what is needed to read it back (fdatasync), which is cheaper where the system has it.
	SyncData() error
	// Name is the path the file was opened with.
	Name() string
	// OSFile is the file below, for sendfile; nil when there is none.
	OSFile() *os.File
}

// FileInfo describes a file.
type FileInfo struct {
	Name    string
	Size    int64
	ModTime time.Time
	IsDir   bool
}

// LockedError says that another process, or another part of this one, holds a lock.
type LockedError struct {
	Path    string
	Content string // what the holder wrote into the file, "" when unreadable
}

// Error names the file and what the holder left in it.
func (e *LockedError) Error() string {
	if e.Content == "" {
		return e.Path + " is locked by another process"
	}
	return e.Path + " is locked by " + e.Content
}

// WriteFileAtomic replaces a small file so that a crash leaves either the old content or the new: it writes name.tmp, syncs it,
// renames it over name and syncs the directory.
func WriteFileAtomic(fsys FS, dir, name string, content []byte) error {
	final := Join(dir, name)
	tmp := final + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close() // the write's error says more
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close() // likewise
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, final); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// ReadFile reads a whole small file; more than limit bytes are an error.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, &os.PathError{Op: "read", Path: name, Err: errTooLarge}
	}
	buf := make([]byte, size)
	n, err := f.ReadAt(buf, 0)
	if err == io.EOF { //nolint:errorlint // ReadAt returns io.EOF itself
		err = nil
	}
	return buf[:n], err
}
