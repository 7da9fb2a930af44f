package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// AbortedTxn is one aborted transaction of one producer: what a read_committed consumer has to skip.
type AbortedTxn struct {
	ProducerID       int64
	FirstOffset      int64
	LastOffset       int64 // of its abort marker
	LastStableOffset int64 // when the marker was written
}

// txnIndex holds the aborted transactions whose markers lie in one segment, in the order of the markers.
// The file exists only once there is one; the entries are few and stay in memory once read.
//
//	2 bytes version 0, then 8 each: producer id, first offset, last offset, last stable offset
type txnIndex struct {
	fsys vfs.FS
	path func(suffix string) string

	mu syncx.Mutex
	// Guarded by mu.
	loaded  bool
	entries []AbortedTxn
	file    vfs.File // open only while it is written
	dirty   bool
	written int // how many entries the file holds; the rest follows with the next one, or with sync
}

const abortedTxnSize = 34

// maxTxnIndexBytes bounds what is read: a segment has at most 2^31 bytes and a marker takes 78 of them.
const maxTxnIndexBytes = (1 << 31) / 78 * abortedTxnSize

func (x *txnIndex) load() error {
	if x.loaded {
		return nil
	}
	raw, err := vfs.ReadFile(x.fsys, x.path(txnIndexSuffix), maxTxnIndexBytes)
	if isNotExist(err) {
		x.loaded, x.entries, x.written = true, nil, 0
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := parseTxnIndex(raw)
	if err != nil {
		return &CorruptionError{Path: x.path(txnIndexSuffix), BaseOffset: -1, Err: err}
	}
	x.loaded, x.entries, x.written = true, entries, len(entries)
	return nil
}

func parseTxnIndex(raw []byte) ([]AbortedTxn, error) {
	var entries []AbortedTxn
	last := int64(-1)
	for len(raw) > 0 {
		if len(raw) < abortedTxnSize {
			return nil, errors.New("its last entry is cut off")
		}
		if v := binary.BigEndian.Uint16(raw); v != 0 {
			return nil, fmt.Errorf("unknown entry version %d", v)
		}
		t := AbortedTxn{
			ProducerID:       int64(binary.BigEndian.Uint64(raw[2:])),
			FirstOffset:      int64(binary.BigEndian.Uint64(raw[10:])),
			LastOffset:       int64(binary.BigEndian.Uint64(raw[18:])),
			LastStableOffset: int64(binary.BigEndian.Uint64(raw[26:])),
		}
		if t.LastOffset <= last || t.FirstOffset > t.LastOffset {
			return nil, errors.New("its entries are not in order")
		}
		last = t.LastOffset
		entries = append(entries, t)
		raw = raw[abortedTxnSize:]
	}
	return entries, nil
}

func appendAbortedTxn(dst []byte, t AbortedTxn) []byte {
	dst = binary.BigEndian.AppendUint16(dst, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.ProducerID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.FirstOffset))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.LastOffset))
	return binary.BigEndian.AppendUint64(dst, uint64(t.LastStableOffset))
}

func (x *txnIndex) append(t AbortedTxn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(); err != nil {
		return err
	}
	x.entries, x.dirty = append(x.entries, t), true
	if err := x.writeLocked(); err != nil && !vfs.OutOfHandles(err) {
		return err
	}
	return nil
}

// writeLocked brings the file up to the entries.
func (x *txnIndex) writeLocked() error {
	if x.written == len(x.entries) {
		return nil
	}
	if x.file == nil {
		f, err := x.fsys.OpenReadWrite(x.path(txnIndexSuffix))
		if err != nil {
			return err
		}
		x.file = f
	}
	var raw []byte
	for _, t := range x.entries[x.written:] {
		raw = appendAbortedTxn(raw, t)
	}
	if _, err := x.file.WriteAt(raw, int64(x.written*abortedTxnSize)); err != nil {
		return err
	}
	x.written = len(x.entries)
	return nil
}

// all returns the entries; they must not be changed.
func (x *txnIndex) all() ([]AbortedTxn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(); err != nil {
		return nil, err
	}
	return slices.Clip(x.entries), nil
}

// reset removes every entry, before recovery fills the index again.
func (x *txnIndex) reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.closeLocked()
	x.loaded, x.entries, x.dirty, x.written = true, nil, false, 0
	if rmErr := x.fsys.Remove(x.path(txnIndexSuffix)); rmErr != nil && !isNotExist(rmErr) {
		err = errors.Join(err, rmErr)
	}
	return err
}

// truncate drops the transactions that ended at or after offset.
func (x *txnIndex) truncate(offset int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(); err != nil {
		return err
	}
	n := len(x.entries)
	for n > 0 && x.entries[n-1].LastOffset >= offset {
		n--
	}
	if n == len(x.entries) {
		return nil
	}
	if x.file == nil {
		f, err := x.fsys.OpenReadWrite(x.path(txnIndexSuffix))
		if err != nil {
			return err
		}
		x.file = f
	}
	if err := x.file.Truncate(int64(n * abortedTxnSize)); err != nil {
		return err
	}
	x.entries, x.dirty, x.written = x.entries[:n:n], true, min(x.written, n)
	return nil
}

func (x *txnIndex) sync() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.writeLocked(); err != nil {
		return err
	}
	if !x.dirty || x.file == nil {
		return nil
	}
	if err := x.file.Sync(); err != nil {
		return err
	}
	x.dirty = false
	return nil
}

func (x *txnIndex) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.closeLocked()
}

func (x *txnIndex) closeLocked() error {
	if x.file == nil {
		return nil
	}
	err := x.file.Close()
	x.file = nil
	return err
}
