package controller

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/kgo-project/kgo/broker/metadata"
)

// bigCluster has brokers 1 to 12 and topics of 20 partitions with 3 replicas each.
func bigCluster(tb testing.TB, topics int) *cluster {
	c := newCluster(tb, testConfig(1))
	for id := range int32(12) {
		c.register(id+1, nil)
	}
	for i := range topics {
		req := creation(fmt.Sprintf("topic-%05d", i), 20)
		req.Topics[0].ReplicationFactor = 3
		if _, _, err := c.handle(req); err != nil {
			tb.Fatal(err)
		}
		c.log = nil
	}
	return c
}

// BenchmarkCreateTopicOf9999Partitions creates the largest topic that fits one batch, and thus one request: as in Apache Kafka.
func BenchmarkCreateTopicOf9999Partitions(b *testing.B) {
	b.ReportAllocs()
	c := bigCluster(b, 0)
	i := 0
	for b.Loop() {
		i++
		req := creation(fmt.Sprintf("t%d", i), 9_999)
		req.Topics[0].ReplicationFactor = 3
		if _, _, err := c.handle(req); err != nil {
			b.Fatal(err)
		}
		c.log = nil
	}
}

func BenchmarkCreateTopicAmong10000(b *testing.B) {
	b.ReportAllocs()
	c := bigCluster(b, 10_000)
	i := 0
	for b.Loop() {
		i++
		if _, _, err := c.handle(creation(fmt.Sprintf("t%d", i), 1)); err != nil {
			b.Fatal(err)
		}
		c.log = nil
	}
}

// BenchmarkFenceBrokerOf50000Partitions is a broker's failure in a cluster of 200,000 partitions.
func BenchmarkFenceBrokerOf50000Partitions(b *testing.B) {
	b.ReportAllocs()
	c := bigCluster(b, 10_000)
	for b.Loop() {
		call := &call{Core: c.core, ctx: &Context{}, now: c.now}
		call.fenceBroker(c.core.Image().Broker(1))
		if len(call.out) < 40_000 {
			b.Fatalf("%d records", len(call.out))
		}
		builder := metadata.NewBuilder(c.core.image)
		for _, r := range call.out {
			if err := builder.Replay(r.Message); err != nil {
				b.Fatal(err)
			}
		}
		builder.Build(c.core.image.Provenance)
	}
}

// BenchmarkImageMemory reports what an image of 10,000 topics and 200,000 partitions takes.
func BenchmarkImageMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := bigCluster(b, 10_000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(c)
	}
}
