package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

func mustNil(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestFileSystemsBehaveAlike runs both implementations through the same steps.
func TestFileSystemsBehaveAlike(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"os": vfs.OS(), "mem": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			dir := vfs.Join(t.TempDir(), "a", "b")
			mustNil(t, fsys.MkdirAll(dir), fsys.MkdirAll(dir))
			path := vfs.Join(dir, "x")
			if _, err := fsys.Open(path); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("open a missing file: %v", err)
			}
			f, err := fsys.Create(path)
			mustNil(t, err)
			_, err1 := f.Write([]byte("hello "))
			_, err2 := f.Write([]byte("world"))
			_, err3 := f.WriteAt([]byte("H"), 0)
			mustNil(t, err1, err2, err3, f.Sync(), f.SyncData(), fsys.SyncDir(dir))
			buf := make([]byte, 20)
			if n, err := f.ReadAt(buf, 0); n != 11 || !errors.Is(err, io.EOF) || string(buf[:n]) != "Hello world" {
				t.Fatalf("read %q, %v", buf[:n], err)
			}
			mustNil(t, f.Truncate(5))
			if size, err := f.Size(); size != 5 || err != nil {
				t.Fatalf("size %d, %v", size, err)
			}
			mustNil(t, fsys.Rename(path, path+".deleted")) // an open file may be renamed, read and removed
			if n, err := f.ReadAt(buf[:5], 0); n != 5 || err != nil {
				t.Fatalf("read after rename: %d, %v", n, err)
			}
			if names, err := fsys.List(dir); err != nil || !slices.Equal(names, []string{"x.deleted"}) {
				t.Fatalf("list: %v, %v", names, err)
			}
			mustNil(t, fsys.Remove(path+".deleted"))
			if n, err := f.ReadAt(buf[:5], 0); n != 5 || err != nil {
				t.Fatalf("read after remove: %d, %v", n, err)
			}
			mustNil(t, f.Close())
			if err := fsys.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("remove a missing file: %v", err)
			}
			mustNil(t, vfs.WriteFileAtomic(fsys, dir, "y", []byte("one")), vfs.WriteFileAtomic(fsys, dir, "y", []byte("two")))
			if got, err := vfs.ReadFile(fsys, vfs.Join(dir, "y"), 10); string(got) != "two" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if _, err := vfs.ReadFile(fsys, vfs.Join(dir, "y"), 2); err == nil {
				t.Fatal("a limit of 2 bytes let 3 pass")
			}
			mustNil(t, fsys.RemoveAll(dir), fsys.RemoveAll(dir))
			if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("stat: %v", err)
			}
		})
	}
}

func TestLockIsExclusiveAndNamesItsHolder(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"os": vfs.OS(), "mem": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			path := vfs.Join(t.TempDir(), ".lock")
			mustNil(t, fsys.MkdirAll(vfs.Dir(path)))
			first, err := fsys.Lock(path, "pid 42")
			mustNil(t, err)
			var held *vfs.LockedError
			if _, err := fsys.Lock(path, "pid 43"); !errors.As(err, &held) || held.Content != "pid 42" {
				t.Fatalf("second lock: %v", err)
			}
			mustNil(t, first.Close())
			again, err := fsys.Lock(path, "pid 44")
			mustNil(t, err, again.Close())
		})
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	m := vfs.NewMem()
	mustNil(t, m.MkdirAll("d"), m.SyncDir(""))
	f, err := m.Create("d/f")
	mustNil(t, err)
	_, err = f.Write([]byte("synced"))
	mustNil(t, err, f.Sync())
	if _, err := m.CrashClone(0, 1).Stat("d/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a name that was not synced survived: %v", err)
	}
	mustNil(t, m.SyncDir("d"))
	_, err = f.Write([]byte(" lost"))
	mustNil(t, err, m.Rename("d/f", "d/g"))
	for percent, want := range map[int]string{0: "d/f synced", 100: "d/g synced lost"} {
		clone := m.CrashClone(percent, 1)
		raw, err := vfs.ReadFile(clone, want[:3], 100)
		if err != nil || string(raw) != want[4:] {
			t.Errorf("%d percent: %q, %v", percent, raw, err)
		}
	}
}
