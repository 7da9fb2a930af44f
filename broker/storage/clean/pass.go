package clean

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// pass is one compaction of one log: it reads the keys of the dirty part, then copies what is worth keeping of everything before
// the end of that part into new segments, group by group.
type pass struct {
	cfg       *Config
	candidate candidate
	nowMs     int64
	throttle  *throttle
	alive     func() bool // false once the log is being deleted or moved
	scanner   scanner
	all       []*storage.Segment
	out       []byte
	keys      *offsetMap
	stats     passStats
}

// run returns the offset that the log is now clean up to.
func (p *pass) run(ctx context.Context) (endOffset int64, err error) {
	l := p.candidate.log
	all := l.Segments()
	defer release(all)
	p.all = all
	p.scanner = scanner{buf: make([]byte, p.cfg.IOBufferSize), limit: p.cfg.DecompressLimit, throttle: p.throttle}
	p.keys = newOffsetMap(p.cfg.DedupeBufferSize/int64(p.cfg.Threads), p.cfg.DedupeLoadFactor, p.candidate.firstUncleanable-p.candidate.firstDirty)
	if err := p.check(ctx, all); err != nil {
		return 0, err
	}
	if err := p.index(ctx, all); err != nil {
		return 0, err
	}
	endOffset = p.keys.latestOffset + 1
	f := &filter{
		keys: p.keys, txns: newTxnTracker(), producers: activeProducers(l), nowMs: p.nowMs, deleteRetentionMs: l.Config().DeleteRetentionMs,
		upperBound: p.candidate.firstUncleanable, limit: p.cfg.DecompressLimit,
	}
	for _, group := range groupSegments(all, min(endOffset, p.candidate.firstUncleanable), l.Config()) {
		if err := p.rewrite(ctx, f, group); err != nil {
			return 0, err
		}
	}
	p.stats = f.stats
	return endOffset, nil
}

// check makes sure that the batches lie at their offsets: those decide what is kept.
func (p *pass) check(ctx context.Context, all []*storage.Segment) error {
	for i, seg := range all {
		if i+1 == len(all) || seg.BaseOffset() >= p.candidate.firstUncleanable {
			break
		}
		if err := errors.Join(ctx.Err(), p.candidate.log.CheckBeforeCompaction(seg, all[i+1].BaseOffset())); err != nil {
			return err
		}
	}
	return nil
}

func activeProducers(l *storage.Log) map[int64]storage.ProducerInfo {
	producers := make(map[int64]storage.ProducerInfo)
	for _, p := range l.ActiveProducers() {
		producers[p.ProducerID] = p
	}
	return producers
}

// index reads the keys of the dirty part, as many as the map can take. Records of aborted transactions don't count: they are as good as gone.
func (p *pass) index(ctx context.Context, all []*storage.Segment) error {
	from, to := p.candidate.firstDirty, p.candidate.firstUncleanable
	aborted, err := p.candidate.log.AbortedTransactions(from, to)
	if err != nil {
		return err
	}
	txns := newTxnTracker()
	txns.add(aborted)
	reader := batch.Reader{SkipHeaders: true}
	full := false
	for i, seg := range all {
		if seg.BaseOffset() >= to || full {
			break
		}
		next := to
		if i+1 < len(all) {
			next = min(to, all[i+1].BaseOffset())
		}
		if next <= from {
			continue
		}
		err := p.scanner.scan(ctx, seg, func(b batch.Batch) (bool, error) {
			var err error
			full, err = p.indexBatch(&reader, txns, b)
			return full, err
		})
		if err != nil {
			return err
		}
		if !full {
			p.keys.advance(next - 1) // offsets may be missing at the segment's end
		}
	}
	return nil
}

func (p *pass) indexBatch(reader *batch.Reader, txns *txnTracker, b batch.Batch) (full bool, err error) {
	if b.LastOffset() < p.candidate.firstDirty {
		return false, nil
	}
	if err := reader.Reset(b, p.cfg.DecompressLimit); err != nil {
		return false, err
	}
	if b.IsControl() {
		var key []byte
		if reader.Next() {
			key = reader.Record().Key
		}
		if _, err := txns.onControl(b, key); err != nil {
			return false, err
		}
	} else if !txns.onBatch(b) {
		for reader.Next() {
			r := reader.Record()
			if r.Offset < p.candidate.firstDirty {
				continue
			}
			if r.Key != nil && !p.keys.put(r.Key, r.Offset) {
				return true, nil
			}
			p.keys.advance(r.Offset)
		}
	}
	p.keys.advance(b.LastOffset())
	return false, reader.Err()
}

// rewrite replaces a group of neighbouring segments by one with what is left of them.
func (p *pass) rewrite(ctx context.Context, f *filter, group []*storage.Segment) (err error) {
	l := p.candidate.log
	if !p.alive() {
		return storage.ErrClosed
	}
	w, err := l.NewCleanedSegment(group[0].BaseOffset())
	if err != nil {
		return err
	}
	replacing := false
	defer func() {
		// Once ReplaceSegments is at work only recovery knows which files count.
		if err != nil && (!replacing || errors.Is(err, storage.ErrSegmentsChanged) || errors.Is(err, storage.ErrClosed)) {
			err = errors.Join(err, w.Abort())
		}
	}()
	var indexErr error
	f.txns.retained = func(t storage.AbortedTxn) { indexErr = errors.Join(indexErr, w.AppendAborted(t)) }
	for _, seg := range group {
		aborted, err := l.AbortedTransactions(seg.BaseOffset(), nextBase(p.all, seg))
		if err != nil {
			return err
		}
		f.txns.add(aborted)
		err = p.scanner.scan(ctx, seg, func(b batch.Batch) (bool, error) {
			var err error
			if p.out, err = f.apply(p.out, b); err != nil {
				return false, err
			}
			if len(p.out) < p.cfg.IOBufferSize {
				return false, nil
			}
			return false, p.write(ctx, w)
		})
		if err != nil {
			return err
		}
	}
	if err := errors.Join(p.write(ctx, w), indexErr); err != nil {
		return err
	}
	replacing = true
	return l.ReplaceSegments([]*storage.SegmentWriter{w}, group)
}

func (p *pass) write(ctx context.Context, w *storage.SegmentWriter) error {
	if len(p.out) == 0 {
		return nil
	}
	err := w.Append(p.out)
	if err == nil {
		err = p.throttle.wait(ctx, len(p.out))
	}
	p.out = p.out[:0]
	return err
}

// groupSegments puts neighbouring segments below end together as long as they fit into one: by size, and by the 2^31 offsets that a
// segment's index can span.
func groupSegments(all []*storage.Segment, end int64, cfg *storage.LogConfig) [][]*storage.Segment {
	var groups [][]*storage.Segment
	size, from := 0, int64(0)
	for i, seg := range all[:max(len(all)-1, 0)] {
		if seg.BaseOffset() >= end {
			break
		}
		last := all[i+1].BaseOffset() - 1
		if n := len(groups); n > 0 && size+seg.Size() <= cfg.SegmentBytes && (seg.Size() == 0 || last-from <= math.MaxInt32) {
			groups[n-1] = append(groups[n-1], seg)
			size += seg.Size()
			continue
		}
		groups = append(groups, []*storage.Segment{seg})
		size, from = seg.Size(), seg.BaseOffset()
	}
	return groups
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
