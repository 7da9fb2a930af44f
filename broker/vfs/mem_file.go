package vfs

import (
	"io"
	"io/fs"
	"os"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	position int64 // of Write; guarded by fs.mu
	closed   bool  // guarded by fs.mu
}

func (f *memFile) Name() string     { return f.name }
func (f *memFile) OSFile() *os.File { return nil }

// check is the error of a file that can't be used so. REQUIRES: f.fs.mu.
func (f *memFile) check(op string, write bool) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathError(op, f.name, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	if err := f.check("write", true); err != nil {
		f.fs.mu.Unlock()
		return 0, err
	}
	if len(p) > 0 {
		f.node.write(p, off)
	}
	f.fs.mu.Unlock()
	f.fs.changed("write", f.name)
	return len(p), nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	at := f.position
	f.position += int64(len(p))
	f.fs.mu.Unlock()
	return f.WriteAt(p, at)
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), f.check("stat", false)
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	if err := f.check("truncate", true); err != nil {
		f.fs.mu.Unlock()
		return err
	}
	f.node.truncate(size)
	f.fs.mu.Unlock()
	f.fs.changed("truncate", f.name)
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	if err := f.check("sync", false); err != nil {
		f.fs.mu.Unlock()
		return err
	}
	for _, w := range f.node.pending {
		f.node.durable = w.apply(f.node.durable)
	}
	f.node.pending = nil
	f.fs.mu.Unlock()
	f.fs.changed("sync", f.name)
	return nil
}

func (f *memFile) SyncData() error { return f.Sync() }

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
