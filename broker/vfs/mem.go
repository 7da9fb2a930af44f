package vfs

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that remembers what was synced. CrashClone shows what a machine that loses its power now would
// find on its disk: synced content and names for sure, the rest as luck has it.
type Mem struct {
	// OnChange, if set before use, is called after each change with what was done ("write", "sync", "rename", ...) and to what.
	// No lock is held: it may clone.
	OnChange func(op, name string)

	mu    sync.Mutex
	root  *memNode           // guarded by mu, with everything below
	locks map[string]*string // held locks and what they say; guarded by mu
}

// memNode is a file or a directory. Its state on disk is apart from the present one.
type memNode struct {
	modTime time.Time

	// Of a file.
	data    []byte
	durable []byte
	pending []memWrite // changes since the last sync, in order

	// Of a directory, nil in a file.
	entries        map[string]*memNode
	durableEntries map[string]*memNode
	pendingNames   []memRename
}

// memWrite is a write of data at offset, or, if data is nil, a truncation to offset.
type memWrite struct {
	offset int64
	data   []byte
}

// memRename is one change of a directory: add gives name to node, and remove takes a name away; a rename does both at once.
type memRename struct {
	remove, add string
	node        *memNode
}

// NewMem makes an empty file system.
func NewMem() *Mem {
	return &Mem{root: newMemDir(), locks: make(map[string]*string)}
}

func newMemDir() *memNode {
	return &memNode{entries: make(map[string]*memNode), durableEntries: make(map[string]*memNode), modTime: time.Now()}
}

func (n *memNode) isDir() bool { return n.entries != nil }

func splitPath(name string) []string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == os.PathSeparator })
	return slices.DeleteFunc(parts, func(p string) bool { return p == "." })
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// find walks to a node.
func (m *Mem) find(parts []string) *memNode {
	n := m.root
	for _, p := range parts {
		if n == nil || !n.isDir() {
			return nil
		}
		n = n.entries[p]
	}
	return n
}

// parent finds the directory that a path's last element is in.
func (m *Mem) parent(op, name string) (dir *memNode, base string, err error) {
	parts := splitPath(name)
	if len(parts) == 0 {
		return nil, "", pathError(op, name, fs.ErrInvalid)
	}
	dir = m.find(parts[:len(parts)-1])
	if dir == nil || !dir.isDir() {
		return nil, "", pathError(op, name, fs.ErrNotExist)
	}
	return dir, parts[len(parts)-1], nil
}

func (n *memNode) change(r memRename) {
	if r.remove != "" {
		delete(n.entries, r.remove)
	}
	if r.add != "" {
		n.entries[r.add] = r.node
	}
	n.pendingNames = append(n.pendingNames, r)
}

func (m *Mem) changed(op, name string) {
	if m.OnChange != nil {
		m.OnChange(op, name)
	}
}

func (m *Mem) open(op, name string, write, create, empty bool) (File, error) {
	f, made, err := m.openLocked(op, name, write, create, empty)
	if err == nil && made {
		m.changed("create", name)
	}
	return f, err
}

func (m *Mem) openLocked(op, name string, write, create, empty bool) (f File, made bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(op, name)
	if err != nil {
		return nil, false, err
	}
	n := dir.entries[base]
	switch {
	case n == nil && !create:
		return nil, false, pathError(op, name, fs.ErrNotExist)
	case n == nil:
		n = &memNode{modTime: time.Now()}
		dir.change(memRename{add: base, node: n})
		made = true
	case n.isDir():
		return nil, false, pathError(op, name, fs.ErrInvalid)
	case empty && len(n.data) > 0:
		n.truncate(0)
		made = true
	}
	return &memFile{fs: m, node: n, name: name, writable: write}, made, nil
}

// Open opens an existing file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open("open", name, false, false, false) }

// Create opens a file for reading and writing and empties it.
func (m *Mem) Create(name string) (File, error) { return m.open("create", name, true, true, true) }

// OpenReadWrite opens a file for reading and writing.
func (m *Mem) OpenReadWrite(name string) (File, error) {
	return m.open("open", name, true, true, false)
}

// Rename moves a file or directory.
func (m *Mem) Rename(oldName, newName string) error {
	if err := m.renameLocked(oldName, newName); err != nil {
		return err
	}
	m.changed("rename", newName)
	return nil
}

func (m *Mem) renameLocked(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase, err := m.parent("rename", oldName)
	if err != nil {
		return err
	}
	to, newBase, err := m.parent("rename", newName)
	if err != nil {
		return err
	}
	n := from.entries[oldBase]
	if n == nil {
		return pathError("rename", oldName, fs.ErrNotExist)
	}
	if old := to.entries[newBase]; old != nil && old.isDir() {
		return pathError("rename", newName, fs.ErrExist)
	}
	if from == to {
		from.change(memRename{remove: oldBase, add: newBase, node: n})
		return nil
	}
	to.change(memRename{add: newBase, node: n})
	from.change(memRename{remove: oldBase})
	return nil
}

// Remove deletes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	if err := m.removeLocked(name, false); err != nil {
		return err
	}
	m.changed("remove", name)
	return nil
}

// RemoveAll deletes a directory and what is in it.
func (m *Mem) RemoveAll(name string) error {
	if err := m.removeLocked(name, true); err != nil {
		return err
	}
	m.changed("remove", name)
	return nil
}

func (m *Mem) removeLocked(name string, all bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		if all {
			return nil
		}
		return err
	}
	n := dir.entries[base]
	switch {
	case n == nil && all:
		return nil
	case n == nil:
		return pathError("remove", name, fs.ErrNotExist)
	case n.isDir() && len(n.entries) > 0 && !all:
		return pathError("remove", name, fs.ErrExist)
	}
	dir.change(memRename{remove: base})
	return nil
}

// MkdirAll makes a directory and its parents.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	n, made := m.root, false
	for _, p := range splitPath(dir) {
		next := n.entries[p]
		if next == nil {
			next = newMemDir()
			n.change(memRename{add: p, node: next})
			made = true
		} else if !next.isDir() {
			m.mu.Unlock()
			return pathError("mkdir", dir, fs.ErrExist)
		}
		n = next
	}
	m.mu.Unlock()
	if made {
		m.changed("mkdir", dir)
	}
	return nil
}

// List returns the names in a directory.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(splitPath(dir))
	if n == nil || !n.isDir() {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

// Stat describes a file or directory.
func (m *Mem) Stat(name string) (FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(splitPath(name))
	if n == nil {
		return FileInfo{}, pathError("stat", name, fs.ErrNotExist)
	}
	return FileInfo{Name: Base(name), Size: int64(len(n.data)), ModTime: n.modTime, IsDir: n.isDir()}, nil
}

// SyncDir makes the names in a directory durable.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	n := m.find(splitPath(dir))
	if n == nil || !n.isDir() {
		m.mu.Unlock()
		return pathError("sync", dir, fs.ErrNotExist)
	}
	for _, r := range n.pendingNames {
		r.apply(n.durableEntries)
	}
	n.pendingNames = nil
	m.mu.Unlock()
	m.changed("syncdir", dir)
	return nil
}

func (r memRename) apply(entries map[string]*memNode) {
	if r.remove != "" {
		delete(entries, r.remove)
	}
	if r.add != "" {
		entries[r.add] = r.node
	}
}

// Usage invents a volume of a tebibyte.
func (m *Mem) Usage(string) (total, usable int64, err error) { return 1 << 40, 1 << 39, nil }

// Lock takes a lock that lasts until it is closed; clones begin without locks.
func (m *Mem) Lock(name, content string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if held := m.locks[name]; held != nil {
		return nil, &LockedError{Path: name, Content: *held}
	}
	m.locks[name] = &content
	return &memLock{fs: m, name: name}, nil
}

type memLock struct {
	fs   *Mem
	name string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

func (n *memNode) write(p []byte, off int64) {
	w := memWrite{offset: off, data: slices.Clone(p)}
	n.data = w.apply(n.data)
	n.pending = append(n.pending, w)
	n.modTime = time.Now()
}

func (n *memNode) truncate(size int64) {
	w := memWrite{offset: size}
	n.data = w.apply(n.data)
	n.pending = append(n.pending, w)
	n.modTime = time.Now()
}

func (w memWrite) apply(data []byte) []byte {
	if w.data == nil {
		if w.offset <= int64(len(data)) {
			return data[:w.offset:w.offset] // a later append must not write into what a reader holds
		}
		return append(data, make([]byte, w.offset-int64(len(data)))...)
	}
	end := w.offset + int64(len(w.data))
	if end > int64(len(data)) {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	copy(data[w.offset:], w.data)
	return data
}
