// Package memlog is a partition log in memory, for the tests of coordinators: what a coordinator.PartitionWriter and a coordinator.Loader see
// of the real one, with appends that can be held back or made to fail.
package memlog

import (
	"context"
	"slices"
	"sync"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// Log holds the batches of all partitions. The zero value is ready to use.
type Log struct {
	// MaxBatch is what MaxBatchBytes says; 0 means 1 MiB.
	MaxBatch int

	mu         sync.Mutex
	partitions map[ident.TopicPartition]*partition
	hold       bool
	held       []func()
	fail       error
	loadFail   error
	appends    int
}

type partition struct {
	batches [][]byte
	end     int64
}

// Append implements coordinator.PartitionWriter.
func (l *Log) Append(tp ident.TopicPartition, _ int32, records []byte, done func(int64, error)) {
	l.mu.Lock()
	l.appends++
	if err := l.fail; err != nil {
		l.mu.Unlock()
		done(-1, err)
		return
	}
	p := l.partition(tp)
	base := p.end
	for rest := records; len(rest) > 0; {
		b, r, err := batch.Next(rest)
		if err == nil {
			err = b.Validate()
		}
		if err != nil {
			l.mu.Unlock()
			done(-1, err)
			return
		}
		b = slices.Clone(b)
		b.SetBaseOffset(p.end)
		p.batches = append(p.batches, b)
		p.end = b.NextOffset()
		rest = r
	}
	if l.hold {
		l.held = append(l.held, func() { done(base, nil) })
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	done(base, nil)
}

// MaxBatchBytes implements coordinator.PartitionWriter.
func (l *Log) MaxBatchBytes(ident.TopicPartition) int {
	if l.MaxBatch == 0 {
		return 1 << 20
	}
	return l.MaxBatch
}

// Load implements coordinator.Loader.
func (l *Log) Load(ctx context.Context, tp ident.TopicPartition, _ int32, fn func([]byte) error) (int64, error) {
	l.mu.Lock()
	p := l.partition(tp)
	batches, end, err := slices.Clone(p.batches), p.end, l.loadFail
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	for _, b := range batches {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := fn(b); err != nil {
			return 0, err
		}
	}
	return end, nil
}

func (l *Log) partition(tp ident.TopicPartition) *partition {
	if l.partitions == nil {
		l.partitions = make(map[ident.TopicPartition]*partition)
	}
	p := l.partitions[tp]
	if p == nil {
		p = &partition{}
		l.partitions[tp] = p
	}
	return p
}

// Hold keeps the high watermark back: appends are not answered until Release.
func (l *Log) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold = true
}

// Release answers the appends that were held back, in order, and those to come at once.
func (l *Log) Release() {
	l.mu.Lock()
	held := l.held
	l.hold, l.held = false, nil
	l.mu.Unlock()
	for _, done := range held {
		done()
	}
}

// Fail makes appends fail with err, from now on; nil ends it.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// FailLoad makes loads fail with err, from now on; nil ends it.
func (l *Log) FailLoad(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loadFail = err
}

// Appends is how often Append was called.
func (l *Log) Appends() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appends
}

// Put appends a batch by another way than a coordinator's, a transaction marker for example.
func (l *Log) Put(tp ident.TopicPartition, records []byte) {
	l.Append(tp, 0, records, func(int64, error) {})
}
