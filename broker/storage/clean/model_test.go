package clean

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/storage/check"
	"github.com/kgo-project/kgo/broker/vfs"
)

// model is what was appended to a log, to say what may and what must be left of it.
type model struct {
	records map[int64]modelRecord // every data record, by offset
	aborted map[int64]bool        // offsets of records of aborted transactions
	open    map[int64][]int64     // by producer: offsets of its open transaction
	next    int64
}

type modelRecord struct {
	key, value string
	tombstone  bool
	timestamp  int64
}

func newModel() *model {
	return &model{records: make(map[int64]modelRecord), aborted: make(map[int64]bool), open: make(map[int64][]int64)}
}

// end ends a producer's transaction.
func (m *model) end(b *bench, producerID int64, commit bool) {
	b.t.Helper()
	b.endTxn(producerID, 0, commit)
	m.next++
	for _, offset := range m.open[producerID] {
		m.aborted[offset] = !commit
	}
	m.open[producerID] = nil
}

// check compares the log with the model; cleanTo is how far it has been compacted.
func (m *model) check(l *storage.Log, cleanTo int64) error {
	if end := l.LogEndOffset(); end != m.next {
		return fmt.Errorf("log ends at %d, not %d", end, m.next)
	}
	batches, err := tryReadBatches(l)
	if err != nil {
		return err
	}
	latest, first := make(map[string]int64), make(map[string]int64) // committed, in the whole log; in the clean part
	for offset := range m.next {
		if r, ok := m.records[offset]; ok && !m.aborted[offset] {
			latest[r.key] = offset
		}
	}
	found := make(map[string]int64)
	previous := int64(-1)
	for _, b := range batches {
		for r, err := range b.Records(testLimit) {
			if err != nil {
				return err
			}
			if r.Offset <= previous {
				return fmt.Errorf("offset %d after %d", r.Offset, previous)
			}
			previous = r.Offset
			if b.IsControl() {
				continue
			}
			want, ok := m.records[r.Offset]
			if !ok || want.key != string(r.Key) || want.value != string(r.Value) || want.tombstone != (r.Value == nil) || want.timestamp != r.Timestamp {
				return fmt.Errorf("offset %d holds %s=%s at %d, not what was written: %+v", r.Offset, r.Key, r.Value, r.Timestamp, want)
			}
			if m.aborted[r.Offset] {
				if r.Offset < cleanTo {
					return fmt.Errorf("offset %d of an aborted transaction is still there", r.Offset)
				}
				continue
			}
			if at, seen := first[want.key]; seen && r.Offset < cleanTo {
				return fmt.Errorf("key %s is at %d and at %d in the clean part", want.key, at, r.Offset)
			}
			first[want.key], found[want.key] = r.Offset, r.Offset
		}
	}
	for key, offset := range latest {
		if at, ok := found[key]; (!ok && !m.records[offset].tombstone) || (ok && at != offset) {
			return fmt.Errorf("key %s: last written at %d, last in the log at %d (%t)", key, offset, at, ok)
		}
	}
	return nil
}

// Random producers, transactions, rolls, compactions and restarts: the log always holds the last committed value of each key.
func TestCompactionAgainstModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			if seed == 0 {
				runModel(t, vfs.OS(), t.TempDir(), seed)
			} else {
				runModel(t, vfs.NewMem(), "data", seed)
			}
		})
	}
}

func runModel(t *testing.T, fsys vfs.FS, dir string, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	shrink := func(c *Config) {
		if rng.IntN(2) == 0 {
			c.DedupeBufferSize = int64(rng.IntN(3000)) // may need several rounds
		}
	}
	b := newBench(t, fsys, dir, testLogConfig(), shrink)
	m := newModel()
	sequence := make(map[int64]int32)
	cleanTo := int64(0)
	for range 250 {
		b.nowMs += rng.Int64N(100)
		switch n := rng.IntN(100); {
		case n < 60:
			m.append(b, rng, sequence)
		case n < 75:
			producerID := rng.Int64N(3)
			if len(m.open[producerID]) == 0 {
				continue
			}
			m.end(b, producerID, rng.IntN(2) == 0)
		case n < 85:
			b.roll()
		case n < 95:
			if r := b.clean(); r.RecordsRead > 0 {
				cleanTo = max(cleanTo, r.To)
			}
		default:
			b.close()
			if problems, err := check.Check(b.fsys, b.dir); err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			b.open(shrink)
			b.log.SetHighWatermark(b.log.LogEndOffset())
		}
		if err := m.check(b.log, cleanTo); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) append(b *bench, rng *rand.Rand, sequence map[int64]int32) {
	producerID := rng.Int64N(4) - 1
	b.builder.Reset(0, batch.Compression{Codec: batch.Codec(rng.IntN(5))})
	transactional := producerID >= 0 && (len(m.open[producerID]) > 0 || rng.IntN(3) > 0)
	if producerID >= 0 {
		b.builder.SetProducer(producerID, 0, sequence[producerID])
	}
	if transactional {
		b.builder.SetTransactional()
	}
	for range 1 + rng.IntN(4) {
		r := modelRecord{key: fmt.Sprint("k", rng.IntN(12)), timestamp: b.nowMs, tombstone: rng.IntN(5) == 0}
		var value []byte
		if !r.tombstone {
			r.value = fmt.Sprint("v", m.next)
			value = []byte(r.value)
		}
		b.builder.Append(r.timestamp, []byte(r.key), value)
		m.records[m.next] = r
		if transactional {
			m.open[producerID] = append(m.open[producerID], m.next)
		}
		m.next++
		sequence[producerID]++
	}
	raw, err := b.builder.Finish(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.append(raw, storage.OriginClient)
}
