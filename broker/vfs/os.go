package vfs

import (
	"io"
	"os"
	"sort"
)

// OS returns the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(name string) (File, error) { return wrapOS(openFile(name, os.O_RDONLY, 0)) }
func (osFS) Create(name string) (File, error) {
	return wrapOS(openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644))
}

func (osFS) OpenReadWrite(name string) (File, error) {
	return wrapOS(openFile(name, os.O_RDWR|os.O_CREATE, 0o644))
}
func (osFS) Rename(oldName, newName string) error { return rename(oldName, newName) }
func (osFS) Remove(name string) error             { return os.Remove(name) }
func (osFS) RemoveAll(name string) error          { return removeAll(name) }
func (osFS) MkdirAll(dir string) error            { return os.MkdirAll(dir, 0o755) }
func (osFS) SyncDir(dir string) error             { return syncDir(dir) }

func (osFS) Usage(dir string) (total, usable int64, err error) { return usage(dir) }

func (osFS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close() //nolint:errcheck // only read
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	return names, nil
}

func (osFS) Stat(name string) (FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil {
		return FileInfo{}, err
	}
	return FileInfo{Name: info.Name(), Size: info.Size(), ModTime: info.ModTime(), IsDir: info.IsDir()}, nil
}

func (osFS) Lock(name, content string) (io.Closer, error) { return lockFile(name, content) }

type osFile struct{ *os.File }

func wrapOS(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) OSFile() *os.File { return f.File }
func (f osFile) SyncData() error  { return syncData(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
