// Package errorfs wraps a file system so that chosen operations fail: the way to find out what code does when the disk does not do
// what it should.
//
// Wrap gives the file system; an Injector decides. The usual test counts the operations of a workload, then runs it again and again
// with operation 0, 1, 2, ... failing, until a run passes without a failure:
//
//	for i := 0; ; i++ {
//		inject := errorfs.FailAt(i, errorfs.Writes)
//		err := workload(errorfs.Wrap(vfs.NewMem(), inject))
//		if !inject.Happened() { break }
//		... err must be a clean error, and the files must open again ...
//	}
package errorfs

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/vfs"
)

// Op is a kind of operation.
type Op uint16

// The operations.
const (
	OpOpen Op = 1 << iota
	OpCreate
	OpRename
	OpRemove
	OpMkdir
	OpList
	OpStat
	OpSyncDir
	OpRead
	OpWrite
	OpSync
	OpTruncate
)

// Writes are the operations that change something, All are all.
const (
	Writes = OpCreate | OpRename | OpRemove | OpMkdir | OpSyncDir | OpWrite | OpSync | OpTruncate
	All    = Op(1<<16 - 1)
)

// ErrInjected is the error of an operation that was made to fail.
var ErrInjected = errors.New("injected I/O error")

// Injector is asked before each operation; an error makes the operation fail with it, undone.
type Injector interface {
	Before(op Op, name string) error
}

// InjectorFunc is a function as an Injector.
type InjectorFunc func(op Op, name string) error

// Before calls f.
func (f InjectorFunc) Before(op Op, name string) error { return f(op, name) }

// Nth fails one operation, or all from one on. Make it with FailAt or FailFrom.
type Nth struct {
	index  int64
	ops    Op
	sticky bool
	count  atomic.Int64
	failed atomic.Int64
}

// FailAt fails the operation with that index among those of the given kinds, counted from 0.
func FailAt(index int, ops Op) *Nth { return &Nth{index: int64(index), ops: ops} }

// FailFrom fails that operation and all after it, as a dead disk does.
func FailFrom(index int, ops Op) *Nth { return &Nth{index: int64(index), ops: ops, sticky: true} }

// Before counts the operation.
func (n *Nth) Before(op Op, _ string) error {
	if n.ops&op == 0 {
		return nil
	}
	i := n.count.Add(1) - 1
	if i == n.index || (n.sticky && i > n.index) {
		n.failed.Add(1)
		return ErrInjected
	}
	return nil
}

// Happened tells whether anything was made to fail.
func (n *Nth) Happened() bool { return n.failed.Load() > 0 }

// Count is the number of operations seen.
func (n *Nth) Count() int { return int(n.count.Load()) }

// Wrap returns fsys with failures.
func Wrap(fsys vfs.FS, inject Injector) vfs.FS { return &faulty{fsys, inject} }

type faulty struct {
	vfs.FS
	inject Injector
}

func (f *faulty) before(op Op, name string) error {
	if err := f.inject.Before(op, name); err != nil {
		return &os.PathError{Op: "injected", Path: name, Err: err}
	}
	return nil
}

func (f *faulty) file(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faulty) Open(name string) (vfs.File, error) {
	if err := f.before(OpOpen, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.Open(name))
}

func (f *faulty) Create(name string) (vfs.File, error) {
	if err := f.before(OpCreate, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.Create(name))
}

func (f *faulty) OpenReadWrite(name string) (vfs.File, error) {
	if err := f.before(OpOpen, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.OpenReadWrite(name))
}

func (f *faulty) Rename(oldName, newName string) error {
	if err := f.before(OpRename, newName); err != nil {
		return err
	}
	return f.FS.Rename(oldName, newName)
}

func (f *faulty) Remove(name string) error {
	if err := f.before(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faulty) RemoveAll(name string) error {
	if err := f.before(OpRemove, name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

func (f *faulty) MkdirAll(dir string) error {
	if err := f.before(OpMkdir, dir); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

func (f *faulty) List(dir string) ([]string, error) {
	if err := f.before(OpList, dir); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

func (f *faulty) Stat(name string) (vfs.FileInfo, error) {
	if err := f.before(OpStat, name); err != nil {
		return vfs.FileInfo{}, err
	}
	return f.FS.Stat(name)
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.before(OpSyncDir, dir); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

func (f *faulty) Lock(name, content string) (io.Closer, error) { return f.FS.Lock(name, content) }

type faultyFile struct {
	vfs.File
	fs *faulty
}

// OSFile hides the real file: a sendfile would pass by the injector.
func (f *faultyFile) OSFile() *os.File { return nil }

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.before(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.before(OpWrite, f.Name()); err != nil {
		// A disk that fills up takes a part.
		n, _ := f.File.WriteAt(p[:len(p)/2], off) // the injected error is the one to report
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.before(OpWrite, f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // likewise
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.before(OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.before(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) SyncData() error {
	if err := f.fs.before(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.SyncData()
}
