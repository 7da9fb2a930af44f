package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// BenchmarkProduce appends one batch to one partition with one replica: what a produce request costs below the protocol.
func BenchmarkProduce(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			f := newFixture(b, nil, 1)
			f.brokers(1)
			f.topic("t", 1, 1)
			data := batch.Batch(records(n))
			req := ProduceRequest{Acks: AcksAll, Timeout: time.Second, Partitions: []ProducePartition{{TopicPartition: tpOf("t", 0), Records: data}}}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				data.SetBaseOffset(0) // as a producer sends it
				f.Produce(req, func(r []ProduceResult) {
					if r[0].Err != nil {
						b.Fatal(r[0].Err)
					}
				})
			}
		})
	}
}

// BenchmarkFetch reads 1 MiB of one partition, without sending it.
func BenchmarkFetch(b *testing.B) {
	f := newFixture(b, nil, 1)
	f.brokers(1)
	f.topic("t", 1, 1)
	for range 2000 {
		f.mustProduce("t", 0, 100)
	}
	b.ReportAllocs()
	params := consumer(0, 1)
	for b.Loop() {
		f.Fetch(params, []FetchPartition{at("t", 0, 5000)}, ReleaseAll)
	}
}

// BenchmarkIdleFetch is a poll of a session with many partitions and nothing new in any: registering, waiting, giving up.
func BenchmarkIdleFetch(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("partitions=%d", n), func(b *testing.B) {
			f := newFixture(b, nil, 1)
			f.brokers(1)
			f.topic("t", n, 1)
			req := SessionRequest{Epoch: initialSessionEpoch}
			for i := range n {
				req.Partitions = append(req.Partitions, at("t", int32(i), 0))
			}
			params := consumer(time.Hour, 1)
			name := func(ident.TopicID) string { return "" }
			ctx := f.Sessions().Begin(req, name, time.Now())
			var id int32
			f.Fetch(consumer(0, 1), ctx.Partitions, func(r []FetchResult) { id, _, _ = ctx.Finish(r, time.Now()) })
			epoch := int32(1)
			b.ReportAllocs()
			for b.Loop() {
				ctx := f.Sessions().Begin(SessionRequest{ID: id, Epoch: epoch}, name, time.Now())
				if ctx.Err != nil {
					b.Fatal(ctx.Err)
				}
				epoch = nextSessionEpoch(epoch)
				var op *delayedFetch
				results, reads := make([]FetchResult, n), make([]readState, n)
				f.readAll(&params, ctx.Partitions, results, reads, true)
				op = &delayedFetch{manager: f.Manager, params: params, partitions: ctx.Partitions, done: func(r []FetchResult) {
					if _, _, err := ctx.Finish(r, time.Now()); err != nil {
						b.Fatal(err)
					}
				}}
				op.start(results, reads)
				op.complete()
			}
		})
	}
}
