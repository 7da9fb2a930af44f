package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// logModel is what a log does, as a slice.
type logModel struct {
	batches    []batch.Batch
	start, end int64
}

func (m *logModel) truncate(offset int64) {
	for len(m.batches) > 0 && m.batches[len(m.batches)-1].LastOffset() >= offset {
		m.batches = m.batches[:len(m.batches)-1]
	}
	m.end = min(m.end, offset)
}

// from is the batches that a read from offset finds.
func (m *logModel) from(offset int64) []batch.Batch {
	for i, b := range m.batches {
		if b.LastOffset() >= offset {
			return m.batches[i:]
		}
	}
	return nil
}

// TestLogBehavesLikeItsModel does random operations on a log and a slice, under several configurations, and compares.
func TestLogBehavesLikeItsModel(t *testing.T) {
	for seed := range uint64(60) {
		if ops, err := runModel(seed, 120); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(ops, "\n"))
		}
	}
}

func runModel(seed uint64, steps int) (ops []string, err error) {
	r := rand.New(rand.NewPCG(seed, 2))
	mem := vfs.NewMem()
	opts := testOptions(mem, "data")
	opts.Config.SegmentBytes = []int{300, 900, 5000, 1 << 20}[r.IntN(4)]
	opts.Config.RetentionMs = -1 // the records are old
	opts.Config.IndexIntervalBytes = []int{0, 100, 4096}[r.IntN(3)]
	opts.Config.FlushMessages = []int64{1, 10, 1 << 40}[r.IntN(3)]
	l, err := OpenLog(context.Background(), opts)
	if err != nil {
		return nil, err
	}
	defer func() { l.abandon(); l.trash.close() }()
	model := &logModel{}
	epoch := int32(0)
	for range steps {
		var op string
		switch n := r.IntN(100); {
		case n < 55:
			op = "append"
			raw := recordsOf(nil2{}, 1+r.IntN(5), nil)
			if r.IntN(10) == 0 {
				epoch++
			}
			info, err := l.AppendAsLeader(raw, epoch, AppendOptions{})
			if err != nil {
				return ops, err
			}
			if info.FirstOffset != model.end {
				return ops, fmt.Errorf("append at %d, the model ends at %d", info.FirstOffset, model.end)
			}
			model.batches, model.end = append(model.batches, raw), info.LastOffset+1
		case n < 65:
			if len(model.batches) == 0 {
				continue
			}
			offset := model.batches[max(len(model.batches)-1-r.IntN(4), 0)].BaseOffset()
			if offset < model.start {
				continue
			}
			op = fmt.Sprintf("truncate %d", offset)
			if _, err := l.TruncateTo(offset); err != nil {
				return ops, err
			}
			model.truncate(offset)
		case n < 70:
			offset := model.start + int64(r.IntN(10))
			op = fmt.Sprintf("delete records %d", offset)
			err := l.IncrementLogStartOffset(offset)
			if offset > model.end {
				if !errors.Is(err, kerr.OffsetOutOfRange) {
					return ops, fmt.Errorf("delete records beyond the end: %w", err)
				}
				continue
			}
			if err != nil {
				return ops, err
			}
			if _, err := l.DeleteOldSegments(nowMs()); err != nil {
				return ops, err
			}
			model.start = offset
		case n < 75:
			op = "roll"
			if err := l.Roll(); err != nil {
				return ops, err
			}
		case n < 78:
			op = "flush"
			if err := l.Flush(l.LogEndOffset()); err != nil {
				return ops, err
			}
		case n < 85:
			clean := r.IntN(2) == 0
			op = fmt.Sprintf("reopen clean=%v", clean)
			opts.LogStartOffset, opts.CleanShutdown = model.start, clean
			opts.RecoveryPoint = l.checkpointableRecoveryPoint()
			if clean {
				err = l.Close()
			} else {
				l.background.Wait()
				mem = mem.CrashClone(100, seed)
				l.abandon()
			}
			l.trash.close()
			if err != nil {
				return ops, err
			}
			opts.FS = mem
			if l, err = OpenLog(context.Background(), opts); err != nil {
				return ops, err
			}
		default:
			offset, max := model.start+int64(r.IntN(int(model.end-model.start)+1)), r.IntN(2000)
			op = fmt.Sprintf("read %d %d", offset, max)
			if err := compareRead(l, model, offset, max, model.end); err != nil {
				return append(ops, op), err
			}
		}
		ops = append(ops, op)
		l.SetHighWatermark(model.end)
		if l.LogEndOffset() != model.end || l.LogStartOffset() != model.start {
			return ops, fmt.Errorf("log %d to %d, model %d to %d", l.LogStartOffset(), l.LogEndOffset(), model.start, model.end)
		}
	}
	return ops, compareRead(l, model, model.start, 1<<30, model.end)
}

// compareRead checks that a read gives the bytes that the model has, cut at max but for the first batch.
func compareRead(l *Log, model *logModel, offset int64, max int, upTo int64) error {
	r, err := l.Read(offset, max, upTo, true)
	if err != nil {
		return err
	}
	defer r.Release()
	got, err := r.Bytes(nil)
	if err != nil {
		return err
	}
	var want []byte
	expected := model.from(offset)
	for _, b := range expected {
		want = append(want, b...)
	}
	if len(expected) > 0 && offset < upTo && len(got) < min(max, len(expected[0])) {
		return fmt.Errorf("read %d bytes, the first batch has %d", len(got), len(expected[0]))
	}
	if len(got) > max && len(got) != len(expected[0]) {
		return fmt.Errorf("read %d bytes, %d were allowed", len(got), max)
	}
	if !bytes.HasPrefix(want, got) { // a read ends with its segment, so it may be shorter
		return fmt.Errorf("read at %d: %d bytes differ from the model's", offset, len(got))
	}
	return nil
}
