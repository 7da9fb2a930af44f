package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// indexPageEntries is the number of entries that are read from an index file at once.
const indexPageEntries = 512

// The entries' sizes on disk: offset index (relative offset, position), time index (timestamp, relative offset).
const (
	offsetEntrySize = 8
	timeEntrySize   = 12
)

// index is an offset index or a time index: a sorted file of small entries, key -> value.
//
// Memory holds one entry a page and the last, incomplete page, so that a lookup costs at most one read of a page and a gigabyte
// of log costs about 8 KB of memory. A page goes to the file when it is full; the rest when the segment is sealed. An index that no
// one has asked yet is not even opened, and one without a full page is not kept open: all of it is in memory, and there may be
// thousands of partitions. Lookups share mu with an append that happens once every index.interval.bytes.
//
//	.index      4 bytes relative offset of a batch's last record, 4 bytes position of that batch
//	.timeindex  8 bytes largest timestamp so far, 4 bytes relative offset of the batch that has it
type index struct {
	fsys      vfs.FS
	path      func(suffix string) string // the segment's, which changes when it is renamed
	suffix    string
	entrySize int

	mu syncx.RWMutex
	// Guarded by mu.
	loaded  bool
	file    vfs.File     // open while there are full pages, or it is being written: see withFileLocked
	firsts  []indexEntry // the first entry of every full page, all of which are in the file
	tail    []byte       // the encoded entries after the full pages
	written int          // how many entries of tail are in the file too
	count   int
	last    indexEntry // meaningful if count > 0
}

type indexEntry struct {
	key   int64
	value int32
}

// errIndexDamaged says that an index is not sorted or does not fit its segment: rebuild it.
var errIndexDamaged = errors.New("index is damaged")

func newIndex(fsys vfs.FS, path func(string) string, suffix string) *index {
	size := offsetEntrySize
	if suffix == timeIndexSuffix {
		size = timeEntrySize
	}
	return &index{fsys: fsys, path: path, suffix: suffix, entrySize: size}
}

func (x *index) encode(dst []byte, e indexEntry) []byte {
	if x.entrySize == offsetEntrySize {
		dst = binary.BigEndian.AppendUint32(dst, uint32(e.key))
	} else {
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.key))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(e.value))
}

func (x *index) decode(src []byte) indexEntry {
	if x.entrySize == offsetEntrySize {
		return indexEntry{int64(int32(binary.BigEndian.Uint32(src))), int32(binary.BigEndian.Uint32(src[4:]))}
	}
	return indexEntry{int64(binary.BigEndian.Uint64(src)), int32(binary.BigEndian.Uint32(src[8:]))}
}

// create makes an empty index file in place of what may be there.
func (x *index) create() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.createLocked()
}

func (x *index) createLocked() error {
	if err := x.forgetLocked(); err != nil {
		return err
	}
	f, err := x.fsys.Create(x.path(x.suffix))
	if err != nil {
		return err
	}
	x.file, x.loaded, x.count = f, true, 0
	return x.restLocked()
}

// withFileLocked has fn use the file, which is opened for it if need be.
func (x *index) withFileLocked(fn func(f vfs.File) error) error {
	x.mu.AssertHeld()
	if x.file == nil {
		f, err := x.fsys.OpenReadWrite(x.path(x.suffix))
		if err != nil {
			return err
		}
		x.file = f
	}
	return errors.Join(fn(x.file), x.restLocked())
}

// restLocked closes the file if memory holds all of it.
func (x *index) restLocked() error {
	if x.file == nil || len(x.firsts) > 0 {
		return nil
	}
	f := x.file
	x.file = nil
	return f.Close()
}

// load reads what the file holds, unless that was done. errIndexDamaged: the entries are not in order.
func (x *index) load() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.loaded {
		return nil
	}
	f, err := x.fsys.OpenReadWrite(x.path(x.suffix))
	if err != nil {
		return err
	}
	if err := x.readLocked(f); err != nil {
		f.Close() // opened for reading; the error at hand says more
		x.firsts, x.tail, x.count = nil, nil, 0
		return err
	}
	x.file, x.loaded = f, true
	return x.restLocked()
}

func (x *index) readLocked(f vfs.File) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	total := int(size / int64(x.entrySize))
	page := make([]byte, indexPageEntries*x.entrySize)
	x.firsts, x.tail, x.count = nil, nil, 0
	for x.count < total {
		n := min(indexPageEntries, total-x.count)
		chunk := page[:n*x.entrySize]
		if _, err := f.ReadAt(chunk, int64(x.count)*int64(x.entrySize)); err != nil {
			if err == io.EOF { //nolint:errorlint // ReadAt returns io.EOF itself
				return fmt.Errorf("%s: shorter than its size says: %w", f.Name(), errIndexDamaged)
			}
			return err
		}
		for i := range n {
			e := x.decode(chunk[i*x.entrySize:])
			if x.count+i > 0 && (e.key <= x.last.key || e.value < x.last.value) || e.value < 0 {
				return fmt.Errorf("%s: entry %d is not in order: %w", f.Name(), x.count+i, errIndexDamaged)
			}
			x.last = e
		}
		if n == indexPageEntries {
			x.firsts = append(x.firsts, x.decode(chunk))
		} else {
			x.tail = append([]byte(nil), chunk...)
		}
		x.count += n
	}
	x.written = len(x.tail) / x.entrySize
	return nil
}

// append adds an entry. Keys must rise; the caller has loaded the index. If its file can't be opened for want of handles, the entry is left out: an index may
// lack some.
func (x *index) append(e indexEntry) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.last
	x.tail = x.encode(x.tail, e)
	x.count++
	x.last = e
	if len(x.tail) < indexPageEntries*x.entrySize {
		return nil
	}
	err := x.withFileLocked(func(f vfs.File) error {
		if err := x.writeTailLocked(f); err != nil {
			return err
		}
		x.firsts = append(x.firsts, x.decode(x.tail))
		x.tail, x.written = x.tail[:0], 0
		return nil
	})
	if vfs.OutOfHandles(err) {
		x.tail, x.count, x.last = x.tail[:len(x.tail)-x.entrySize], x.count-1, before
		return nil
	}
	return err
}

// allWrittenLocked tells whether the file holds everything.
func (x *index) allWrittenLocked() bool { return x.written*x.entrySize == len(x.tail) }

func (x *index) writeTailLocked(f vfs.File) error {
	if x.allWrittenLocked() {
		return nil
	}
	from := x.written * x.entrySize
	if _, err := f.WriteAt(x.tail[from:], int64(len(x.firsts)*indexPageEntries*x.entrySize+from)); err != nil {
		return err
	}
	x.written = len(x.tail) / x.entrySize
	return nil
}

// entries is the number of entries, lastEntry the last of them.
func (x *index) entries() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.count
}

func (x *index) lastEntry() (indexEntry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.last, x.count > 0
}

var indexPages = sync.Pool{New: func() any { b := make([]byte, indexPageEntries*timeEntrySize); return &b }}

// floor finds the last entry whose key is at most key; ok is false if all are larger.
func (x *index) floor(key int64) (e indexEntry, ok bool, err error) {
	x.mu.RLock()
	for !x.loaded { // a loop, because a roll may unload it between the two locks
		x.mu.RUnlock()
		if err := x.load(); err != nil {
			return e, false, err
		}
		x.mu.RLock()
	}
	defer x.mu.RUnlock()
	if len(x.tail) > 0 && x.decode(x.tail).key <= key {
		return x.floorIn(x.tail, key), true, nil
	}
	n := sort.Search(len(x.firsts), func(i int) bool { return x.firsts[i].key > key })
	if n == 0 {
		return e, false, nil
	}
	buf := indexPages.Get().(*[]byte)
	defer indexPages.Put(buf)
	page := (*buf)[:indexPageEntries*x.entrySize]
	if _, err := x.file.ReadAt(page, int64((n-1)*len(page))); err != nil {
		return e, false, err
	}
	return x.floorIn(page, key), true, nil
}

// floorIn searches encoded entries, the first of which is known not to be larger than key.
func (x *index) floorIn(page []byte, key int64) indexEntry {
	n := sort.Search(len(page)/x.entrySize, func(i int) bool { return x.decode(page[i*x.entrySize:]).key > key })
	return x.decode(page[max(n-1, 0)*x.entrySize:])
}

// truncate drops the entries from the first one on that keep refuses; entries are sorted, so keep must be true, then false.
func (x *index) truncate(keep func(indexEntry) bool) error {
	if err := x.load(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.withFileLocked(func(f vfs.File) error {
		if err := x.writeTailLocked(f); err != nil {
			return err
		}
		kept, err := x.countKept(f, keep)
		if err != nil || kept == x.count {
			return err
		}
		if err := f.Truncate(int64(kept) * int64(x.entrySize)); err != nil {
			return err
		}
		return x.readLocked(f)
	})
}

// replace writes other entries, in order, in place of all. Entries that are added meanwhile may be left out: an index may lack some.
func (x *index) replace(entries []indexEntry) error {
	raw := make([]byte, 0, len(entries)*x.entrySize)
	for _, e := range entries {
		raw = x.encode(raw, e)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.withFileLocked(func(f vfs.File) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.WriteAt(raw, 0); err != nil {
			return err
		}
		return x.readLocked(f)
	})
	x.loaded = err == nil
	return err
}

func (x *index) countKept(f vfs.File, keep func(indexEntry) bool) (int, error) {
	var readErr error
	buf := make([]byte, x.entrySize)
	kept := sort.Search(x.count, func(i int) bool {
		if _, err := f.ReadAt(buf, int64(i)*int64(x.entrySize)); err != nil {
			readErr = err
		}
		return !keep(x.decode(buf))
	})
	return kept, readErr
}

// flush writes what only memory holds, and makes it durable if sync is set.
func (x *index) flush(sync bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.loaded {
		return nil
	}
	if !sync && x.allWrittenLocked() {
		return nil
	}
	return x.withFileLocked(func(f vfs.File) error {
		err := x.writeTailLocked(f)
		if err == nil && sync {
			err = f.SyncData()
		}
		return err
	})
}

// unload writes everything and gives the memory and the file back; the next lookup opens the index again.
func (x *index) unload() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.loaded {
		return nil
	}
	var err error
	if !x.allWrittenLocked() {
		err = x.withFileLocked(x.writeTailLocked)
	}
	return errors.Join(err, x.forgetLocked())
}

// abandon gives the file back without writing: its segment is deleted, or its directory failed.
func (x *index) abandon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	_ = x.forgetLocked() // nothing of it is wanted any more
	x.count = 0
}

// forgetLocked gives up what memory holds and the file; count and last stay, for those who ask a sealed segment.
func (x *index) forgetLocked() error {
	f := x.file
	x.file, x.loaded, x.firsts, x.tail, x.written = nil, false, nil, nil, 0
	if f == nil {
		return nil
	}
	return f.Close()
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
