package brokertest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/broker/invariants"
)

// A client from before the current record format gets its records rewritten: many at a time, with less memory for requests than they need together.
func TestOldClientsFetchConvertedRecords(t *testing.T) {
	invariants.SetLuck(invariants.NoLuck) // a fetch ends with its segment
	t.Cleanup(func() { invariants.SetLuck(nil) })
	n := brokertest.Start(t, "queued.max.request.bytes=3000000")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := n.Client(kgo.DefaultProduceTopic("t"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("0123456789"), 10_000)
	for range 20 {
		if err := cl.ProduceSync(ctx, kgo.SliceRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	old := kversion.Stable()
	old.SetMaxKeyVersion(1, 2)
	const clients = 8
	got := make(chan error, clients)
	for range clients {
		client := n.Client(kgo.MaxVersions(old))
		go func() {
			req := kmsg.NewPtrFetchRequest()
			req.MaxWaitMillis, req.MaxBytes = 10_000, 50<<20
			topic, row := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
			topic.Topic, row.PartitionMaxBytes = "t", 50<<20
			topic.Partitions = append(topic.Partitions, row)
			req.Topics = append(req.Topics, topic)
			resp, err := req.RequestWith(ctx, client.SeedBrokers()[0])
			if err == nil && (resp.Version != 2 || bytes.Count(resp.Topics[0].Partitions[0].RecordBatches, value) != 20) {
				t.Errorf("version %d, %d of 20 records", resp.Version, bytes.Count(resp.Topics[0].Partitions[0].RecordBatches, value))
			}
			got <- err
		}()
	}
	for range clients {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}
