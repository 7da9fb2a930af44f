package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// expectTruth opens the log in fsys and reads at every batch: what is read is what was written. whole is false if some of it is an error, which has
// to name the file, or cut off, which it may be after an unclean stop only.
func (d *damageFixture) expectTruth(fsys vfs.FS, clean bool) (whole bool, err error) {
	opts := d.opts
	opts.FS, opts.CleanShutdown = fsys, clean
	l, err := OpenLog(context.Background(), opts)
	if err != nil {
		return false, err
	}
	defer func() { l.abandon(); l.trash.close() }()
	end := l.LogEndOffset()
	if end > d.end {
		return false, fmt.Errorf("the log ends at %d, want %d", end, d.end)
	}
	whole = end == d.end
	for _, b := range d.want {
		if b.BaseOffset() >= end {
			break
		}
		r, err := l.Read(b.BaseOffset(), 1<<20, end, true)
		var damage *CorruptionError
		if errors.As(err, &damage) && errors.Is(err, kerr.CorruptMessage) && damage.Path != "" {
			whole = false
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read at %d: %w", b.BaseOffset(), err)
		}
		raw, err := r.Bytes(nil)
		r.Release()
		if err != nil || !bytes.HasPrefix(raw, b) {
			return false, fmt.Errorf("read at %d: %d bytes are not the batch that was written, error %w", b.BaseOffset(), len(raw), err)
		}
		for rest := raw; len(rest) > 0; {
			var got batch.Batch
			if got, rest, err = batch.Next(rest); err != nil {
				return false, fmt.Errorf("read at %d: %w", b.BaseOffset(), err)
			}
			if i := d.index(got.BaseOffset()); i < 0 || !bytes.Equal(got, d.want[i]) {
				return false, fmt.Errorf("read at %d: the batch at %d is not what was written", b.BaseOffset(), got.BaseOffset())
			}
		}
	}
	return whole, nil
}

func (d *damageFixture) index(offset int64) int {
	for i, b := range d.want {
		if b.BaseOffset() == offset {
			return i
		}
	}
	return -1
}

// TestAnyBitOfABatchMayFlip flips bits of every batch, one at a time. Nothing but what was written is ever read; and what the checksum does not
// cover is put right, so that not a record is lost.
func TestAnyBitOfABatchMayFlip(t *testing.T) {
	const header = 21 // base offset, length, leader epoch, magic, checksum
	d := newDamageFixture(t)
	for _, compacted := range []bool{false, true} {
		d.opts.Config.Compact = compacted
		lost, tried, batches := 0, 0, 0
		for _, name := range d.files(t, logSuffix) {
			path := vfs.Join(d.opts.Dir, name)
			raw, err := vfs.ReadFile(d.fsys, path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for position := 0; position < len(raw); {
				size, _, err := batch.Peek(raw[position:])
				if err != nil {
					t.Fatal(err)
				}
				batches++
				for bit := range size * 8 {
					if bit >= header*8 && bit%67 != 0 || compacted && bit%5 != batches%5 || bit%3 != batches%3 {
						continue // the body is the checksum's; not every bit of every batch, as it takes long
					}
					for _, clean := range []bool{true, false} {
						fsys := d.fsys.CrashClone(100, 0)
						rewrite(t, fsys, path, func(b []byte) []byte { b[position+bit/8] ^= 1 << (bit % 8); return b })
						whole, err := d.expectTruth(fsys, clean)
						if err != nil {
							t.Errorf("%s, batch at %d, bit %d, clean=%v, compacted=%v: %v", name, position, bit, clean, compacted, err)
						}
						if bit < header*8 {
							tried++
							if !whole {
								lost++
								if !compacted {
									t.Errorf("%s, batch at %d, bit %d, clean=%v: not whole", name, position, bit, clean)
								}
							}
						}
					}
				}
				position += size
			}
		}
		t.Logf("compacted=%v: %d of %d flips in headers left records that can't be had", compacted, lost, tried)
	}
}

// TestTruncationAtDamage truncates a log to an offset that can't be found, because a batch before it is damaged beyond repair: the log then ends at the
// damage, and its directory stays online.
func TestTruncationAtDamage(t *testing.T) {
	noLuck(t) // the last segment has several batches
	d := newDamageFixture(t)
	names := d.files(t, logSuffix)
	base, _, _ := parseOffsetFileName(names[len(names)-1])
	fsys := d.fsys.CrashClone(100, 0)
	rewrite(t, fsys, vfs.Join(d.opts.Dir, names[len(names)-1]), func(b []byte) []byte { b[16], b[70] = 9, b[70]^1; return b })
	opts := d.opts
	opts.FS = fsys
	l := openTestLog(t, opts)
	if l.LogEndOffset() != d.end {
		t.Fatalf("the log ends at %d, want %d", l.LogEndOffset(), d.end)
	}
	second := d.want[d.index(base)+1].BaseOffset()
	if cut, err := l.TruncateTo(second); err != nil || !cut {
		t.Fatalf("truncated: %v, %v", cut, err)
	}
	if l.LogEndOffset() != base {
		t.Errorf("the log ends at %d, want %d", l.LogEndOffset(), base)
	}
	mustAppend(t, l, recordsOf(t, 2, nil), 5)
	if got := readAll(t, l, 1<<20); len(got) != d.index(base)+1 {
		t.Errorf("%d batches, want %d", len(got), d.index(base)+1)
	}
}

// TestReadsDoNotPassByHiddenBatches reads at once at a batch whose base offset was damaged, so that no search by offset finds it: it is not to be taken for one
// that compaction removed.
func TestReadsDoNotPassByHiddenBatches(t *testing.T) {
	opts := testOptions(vfs.NewMem(), "data")
	l, size := tenSegments(t, opts)
	for _, n := range []int64{1, 3} { // segments with so many batches more
		for range n {
			mustAppend(t, l, oneAt(t, 1_700_000_000_100), 0)
		}
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
	}
	want := readAll(t, l, 1<<20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	clean := opts.FS.(*vfs.Mem)
	opts.CleanShutdown, opts.RecoveryPoint = true, l.LogEndOffset()
	for _, at := range want {
		base := at.BaseOffset()
		segment, position := base, int64(0)
		if base > 8 {
			segment, position = 9, (base-9)*size
		}
		if base > 10 {
			segment, position = 11, (base-11)*size
		}
		for bit := range 64 {
			fsys := clean.CrashClone(100, 0)
			rewrite(t, fsys, vfs.Join(opts.Dir, offsetFileName(segment, logSuffix)), func(b []byte) []byte {
				b[position+int64(bit/8)] ^= 1 << (bit % 8)
				return b
			})
			opts.FS = fsys
			l, err := OpenLog(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			r, err := l.Read(base, 1<<20, l.LogEndOffset(), true)
			if err != nil {
				t.Fatalf("batch at %d, bit %d: %v", base, bit, err)
			}
			if got, err := r.Bytes(nil); err != nil || !bytes.HasPrefix(got, at) {
				t.Errorf("batch at %d, bit %d: %d bytes of another batch are read, error %v", base, bit, len(got), err)
			}
			r.Release()
			l.abandon()
			l.trash.close()
		}
	}
}
