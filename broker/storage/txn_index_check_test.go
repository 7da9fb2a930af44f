package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// txnFixture is a closed log of several segments in which transactions of two producers are interleaved, six offsets a round; every third
// is committed.
func txnFixture(t testing.TB) (fsys *vfs.Mem, opts LogOptions, want []AbortedTxn) {
	t.Helper()
	fsys = vfs.NewMem()
	opts = testOptions(fsys, "data")
	opts.Config.SegmentBytes, opts.Config.IndexIntervalBytes = 1000, 200
	l := openTestLog(t, opts)
	end := func(producerID int64, commit bool) {
		if _, err := l.AppendAsLeader(marker(producerID, commit), 0, AppendOptions{Origin: OriginCoordinator}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		for id := int64(7); id <= 8; id++ {
			mustAppend(t, l, recordsOf(t, 2, transactional(id, 0, int32(2*i))), 0)
		}
		end(7, i%3 == 0)
		end(8, i%3 == 1)
	}
	l.SetHighWatermark(l.LogEndOffset())
	var err error
	if want, err = l.AbortedTransactions(0, l.LogEndOffset()); err != nil || len(want) != 16 {
		t.Fatalf("%d aborted transactions, %v", len(want), err)
	}
	opts.RecoveryPoint, opts.CleanShutdown = l.LogEndOffset(), true
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return fsys, opts, want
}

func abortedAfterOpen(opts LogOptions, fsys vfs.FS) ([]AbortedTxn, error) {
	opts.FS = fsys
	l, err := OpenLog(context.Background(), opts)
	if err != nil {
		return nil, err
	}
	defer func() { l.abandon(); l.trash.close() }()
	found, err := l.AbortedTransactions(0, l.LogEndOffset())
	if err == nil && l.LogEndOffset() != opts.RecoveryPoint {
		err = fmt.Errorf("the log ends at %d", l.LogEndOffset())
	}
	return found, err
}

// sameTxn compares what is told from the markers and the batches' headers. The last stable offset, which only ends a search early, is not; and a transaction's
// beginning may be that of another one of its producer.
func sameTxn(got, want AbortedTxn) bool {
	got.LastStableOffset = want.LastStableOffset
	if (got.FirstOffset-want.FirstOffset)%6 == 0 && got.FirstOffset >= 0 {
		got.FirstOffset = want.FirstOffset
	}
	return got == want
}

// TestAnyBitOfATransactionIndexMayFlip flips the bits that say whose transaction was aborted and where it lies, and cuts and lengthens the files. What
// consumers of committed records leave out has to be the same, whether the log was stopped cleanly or not.
func TestAnyBitOfATransactionIndexMayFlip(t *testing.T) {
	fsys, opts, want := txnFixture(t)
	names, err := fsys.List(opts.Dir)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, name := range names {
		if _, suffix, ok := parseOffsetFileName(name); !ok || suffix != txnIndexSuffix {
			continue
		}
		files++
		path := vfs.Join(opts.Dir, name)
		raw, err := vfs.ReadFile(fsys, path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, change func([]byte) []byte) {
			for _, clean := range []bool{true, false} {
				damaged := fsys.CrashClone(100, 0)
				rewrite(t, damaged, path, change)
				opts.CleanShutdown = clean
				if got, err := abortedAfterOpen(opts, damaged); err != nil || !slices.EqualFunc(got, want, sameTxn) {
					t.Errorf("%s, %s, clean=%v: %v, error %v", name, what, clean, got, err)
				}
			}
		}
		for bit := range len(raw) * 8 {
			if bit%3 != bit/8/abortedTxnSize%3 {
				continue // not every bit of every entry, as it takes long
			}
			try(fmt.Sprintf("bit %d", bit), func(b []byte) []byte { b[bit/8] ^= 1 << (bit % 8); return b })
		}
		for size := range raw {
			if size%abortedTxnSize != 0 {
				try(fmt.Sprintf("cut to %d", size), func(b []byte) []byte { return b[:size] })
			}
		}
		try("zeros", func(b []byte) []byte { return make([]byte, len(b)) })
		try("zeros after it", func(b []byte) []byte { return append(b, make([]byte, 4096)...) })
		try("twice", func(b []byte) []byte { return append(b, b...) })
	}
	if files < 3 {
		t.Fatalf("%d transaction indexes", files)
	}
}

// TestHugeTransactionIndexIsNotRead: no more is read than the segment can have markers for.
func TestHugeTransactionIndexIsNotRead(t *testing.T) {
	noLuck(t) // the first segment has an index
	fsys, opts, want := txnFixture(t)
	opts.FS = sizeFS{fsys, vfs.Join(opts.Dir, offsetFileName(0, txnIndexSuffix))}
	got, err := abortedAfterOpen(opts, opts.FS)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, error %v", got, err)
	}
}

// sizeFS says that one file is as large as can be, and fails who reads it.
type sizeFS struct {
	vfs.FS
	path string
}

func (f sizeFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(name)
	if name == f.path {
		info.Size = math.MaxInt64
	}
	return info, err
}

func (f sizeFS) Open(name string) (vfs.File, error) {
	if name == f.path {
		return nil, errors.New("the file was read")
	}
	return f.FS.Open(name)
}

// TestIndexesMadeAnewLeaveTransactionsAlone: an aborted transaction must not be forgotten while the other indexes of its segment are built again.
func TestIndexesMadeAnewLeaveTransactionsAlone(t *testing.T) {
	fsys, opts, want := txnFixture(t)
	if err := fsys.Remove(vfs.Join(opts.Dir, offsetFileName(0, indexSuffix))); err != nil {
		t.Fatal(err)
	}
	path := vfs.Join(opts.Dir, offsetFileName(0, txnIndexSuffix))
	fsys.OnChange = func(op, name string) {
		if name == path {
			t.Errorf("%s of the transaction index", op)
		}
	}
	if got, err := abortedAfterOpen(opts, fsys); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, error %v", got, err)
	}
}
