package storage

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/invariants"
)

// AppendAsLeader checks records (one batch of format v2, or a legacy message set), assigns offsets and leaderEpoch and appends them with one write.
// It changes records in place; they are the caller's again when it returns. The high watermark stays where it is.
// Coordinators may append several batches at once.
//
// A batch that repeats one of its producer's last five is not written: the answer is where the first copy lies.
// Refusals are *ValidationError, which wrap the protocol's error; an I/O error is an *OfflineError.
func (l *Log) AppendAsLeader(records []byte, leaderEpoch int32, opts AppendOptions) (AppendInfo, error) {
	if err := l.usable(); err != nil {
		return AppendInfo{}, err
	}
	if opts.NowMs == 0 {
		opts.NowMs = nowMs()
	}
	cfg := l.cfg.Load()
	p, err := l.prepare(records, cfg, &opts)
	if err != nil {
		return AppendInfo{}, err
	}
	if len(p.bytes) > cfg.SegmentBytes {
		return AppendInfo{}, refuse(kerr.RecordListTooLarge,
			"Message batch size is %d bytes in append to partition %s which exceeds the maximum configured segment size of %d.",
			len(p.bytes), l.tp, cfg.SegmentBytes)
	}
	l.mu.Lock()
	info, err := l.appendLeaderLocked(&p, leaderEpoch, cfg, &opts)
	l.mu.Unlock()
	if err != nil || info.Duplicate {
		return info, err
	}
	return info, l.maybeFlush(cfg, info.LastOffset+1)
}

func (l *Log) appendLeaderLocked(p *prepared, leaderEpoch int32, cfg *LogConfig, opts *AppendOptions) (AppendInfo, error) {
	l.mu.AssertHeld()
	if l.mu.closed {
		return AppendInfo{}, ErrClosed
	}
	if latest := l.LatestEpoch(); leaderEpoch < latest {
		return AppendInfo{}, fmt.Errorf("append to %s in leader epoch %d after %d: %w", l.tp, leaderEpoch, latest, kerr.FencedLeaderEpoch)
	}
	first := l.logEndOffset.Load()
	info := AppendInfo{FirstOffset: first, LogAppendTime: batch.NoTimestamp, MaxTimestamp: batch.NoTimestamp, OffsetOfMaxTimestamp: -1}
	if cfg.TimestampType == batch.LogAppendTime {
		info.LogAppendTime = opts.NowMs
	}
	next := first
	err := p.each(func(b *preparedBatch) error {
		duplicate, isDuplicate, err := l.mu.producers.checkLeaderBatch(l, b.batch, b.marker, opts)
		if err != nil {
			return err
		}
		if isDuplicate {
			info = AppendInfo{
				FirstOffset: duplicate.firstOffset(), LastOffset: duplicate.lastOffset, LogAppendTime: duplicate.timestamp,
				LogStartOffset: l.logStartOffset.Load(), MaxTimestamp: batch.NoTimestamp, OffsetOfMaxTimestamp: -1, Duplicate: true,
			}
			return nil
		}
		b.batch.SetBaseOffset(next)
		b.batch.SetPartitionLeaderEpoch(leaderEpoch)
		next = b.batch.NextOffset()
		return nil
	})
	if err != nil || info.Duplicate {
		return info, err
	}
	invariants.Assert(next > first, "OffsetsRise: %s from %d to %d", l.tp, first, next)
	info.LastOffset = next - 1
	if err := l.epochs.assign(leaderEpoch, first); err != nil {
		return AppendInfo{}, l.fail(err)
	}
	if err := l.writeLocked(p, &info, cfg, opts.NowMs); err != nil {
		return AppendInfo{}, err
	}
	info.LogStartOffset = l.logStartOffset.Load()
	return info, nil
}

// writeLocked appends batches whose offsets are set: rolls if it must, writes once, and brings indexes, producer state and the log end up to date.
func (l *Log) writeLocked(p *prepared, info *AppendInfo, cfg *LogConfig, now int64) error {
	maxTimestamp := batch.NoTimestamp
	_ = p.each(func(b *preparedBatch) error { maxTimestamp = max(maxTimestamp, b.maxTimestamp); return nil }) // do returns no error
	seg, err := l.maybeRollLocked(len(p.bytes), info.FirstOffset, info.LastOffset, maxTimestamp, cfg, now)
	if err != nil {
		return err
	}
	position := seg.size.Load()
	if _, err := seg.file.WriteAt(p.bytes, position); err != nil {
		return l.fail(fmt.Errorf("append to %s at %d: %w", seg.path(logSuffix), position, err))
	}
	seg.dataDirty.Store(true)
	err = p.each(func(b *preparedBatch) error {
		base, size := b.batch.BaseOffset(), len(b.batch)
		if err := seg.noteBatch(position, batchMark{
			size: size, lastOffset: b.batch.LastOffset(), maxTimestamp: b.maxTimestamp, timeIndexBase: base + b.maxAtDelta,
		}, cfg.IndexIntervalBytes); err != nil {
			return l.fail(err)
		}
		position += int64(size)
		seg.tail.Load().push(uint32(b.batch.NextOffset()-seg.baseOffset), uint32(position))
		if b.maxTimestamp > info.MaxTimestamp {
			info.MaxTimestamp, info.OffsetOfMaxTimestamp = b.maxTimestamp, base+b.maxAtDelta
		}
		info.Records += b.count
		return l.noteProducerLocked(seg, b.batch, b.marker)
	})
	if err != nil {
		return err
	}
	info.Bytes = len(p.bytes)
	seg.size.Store(position)
	l.publishUnstableLocked()
	l.logEndOffset.Store(info.LastOffset + 1)
	return nil
}

// noteProducerLocked brings the producer state up to date with a batch that lies in seg.
func (l *Log) noteProducerLocked(seg *Segment, b batch.Batch, marker *batch.EndTxnMarker) error {
	ended, aborted := l.mu.producers.apply(b, marker)
	if !aborted {
		return nil
	}
	seg.indexDirty.Store(true)
	if err := seg.txns.append(ended); err != nil {
		return l.fail(err)
	}
	return nil
}

// AppendAsFollower appends batches as their leader made them: offsets and leader epochs are theirs. They must begin at the log's end or
// after it (a compacted leader leaves gaps), else kerr.OffsetOutOfRange; a batch that is cut at the end of records is left out, as the end
// of a fetch response may be. Checksums and offsets are checked, nothing else: the leader did that. The batches' own leader epochs go
// into the epoch cache; leaderEpoch is the one that the caller follows, and a batch with a newer one is refused.
func (l *Log) AppendAsFollower(records []byte, leaderEpoch int32) (AppendInfo, error) {
	if err := l.usable(); err != nil {
		return AppendInfo{}, err
	}
	now := nowMs()
	p, err := l.prepareReplicated(records, leaderEpoch)
	if err != nil || len(p.bytes) == 0 {
		return AppendInfo{FirstOffset: -1, LastOffset: -1}, err
	}
	cfg := l.cfg.Load()
	l.mu.Lock()
	info, err := l.appendFollowerLocked(&p, cfg, now)
	l.mu.Unlock()
	if err != nil {
		return info, err
	}
	return info, l.maybeFlush(cfg, info.LastOffset+1)
}

func (l *Log) appendFollowerLocked(p *prepared, cfg *LogConfig, now int64) (AppendInfo, error) {
	l.mu.AssertHeld()
	if l.mu.closed {
		return AppendInfo{}, ErrClosed
	}
	info := AppendInfo{FirstOffset: p.lead.batch.BaseOffset(), LogAppendTime: batch.NoTimestamp, MaxTimestamp: batch.NoTimestamp, OffsetOfMaxTimestamp: -1}
	if end := l.logEndOffset.Load(); info.FirstOffset < end {
		return AppendInfo{}, fmt.Errorf("append of offset %d to %s, which ends at %d: %w", info.FirstOffset, l.tp, end, kerr.OffsetOutOfRange)
	}
	err := p.each(func(b *preparedBatch) error {
		info.LastOffset = b.batch.LastOffset()
		return l.epochs.assign(b.batch.PartitionLeaderEpoch(), b.batch.BaseOffset())
	})
	if err != nil {
		return AppendInfo{}, l.fail(err)
	}
	if err := l.writeLocked(p, &info, cfg, now); err != nil {
		return AppendInfo{}, err
	}
	info.LogStartOffset = l.logStartOffset.Load()
	return info, nil
}

// prepareReplicated splits and checks what a leader sent.
func (l *Log) prepareReplicated(records []byte, leaderEpoch int32) (prepared, error) {
	var p prepared
	last := int64(-1)
	for rest := records; len(rest) > 0; {
		size, _, err := batch.Peek(rest)
		if err != nil || size > len(rest) {
			if err == nil || err == batch.ErrTruncated { //nolint:errorlint // Peek returns it as it is
				break
			}
			return prepared{}, l.refusal(err)
		}
		var b batch.Batch
		if b, rest, err = batch.Next(rest); err != nil {
			return prepared{}, l.refusal(err)
		}
		if err := b.Validate(); err != nil {
			return prepared{}, l.refusal(err)
		}
		if b.BaseOffset() <= last {
			return prepared{}, refuse(kerr.CorruptMessage, "Offsets do not rise in the append to %s: %d after %d", l.tp, b.BaseOffset(), last)
		}
		if b.PartitionLeaderEpoch() > leaderEpoch {
			return prepared{}, fmt.Errorf("batch at offset %d of %s has leader epoch %d, newer than %d: %w",
				b.BaseOffset(), l.tp, b.PartitionLeaderEpoch(), leaderEpoch, kerr.UnknownLeaderEpoch)
		}
		last = b.LastOffset()
		marker, err := readMarker(b)
		if err != nil {
			return prepared{}, l.refusal(err)
		}
		done := preparedBatch{batch: b, count: int(b.RecordCount()), maxTimestamp: b.MaxTimestamp(), maxAtDelta: int64(b.LastOffsetDelta()), marker: marker}
		if p.lead.batch == nil {
			p.lead = done
		} else {
			p.more = append(p.more, done)
		}
		p.bytes = records[:len(records)-len(rest)]
	}
	return p, nil
}
