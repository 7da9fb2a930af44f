package brokertest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// What AlterConfigs sets on a broker holds for the running one.
func TestDynamicBrokerConfigs(t *testing.T) {
	n := brokertest.Start(t, "log.retention.check.interval.ms=50", "log.initial.task.delay.ms=0")
	cl := n.Client(kgo.DefaultProduceTopic("t"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin := kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	alter := func(key, value string) {
		t.Helper()
		op := kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value}
		if value == "" {
			op = kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key}
		}
		resp, err := admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{op})
		if err == nil {
			err = resp[0].Err
		}
		if err != nil {
			t.Fatalf("%s=%s: %v", key, value, err)
		}
	}
	big := &kgo.Record{Value: make([]byte, 5000)}

	alter("message.max.bytes", "1000")
	awaitTrue(t, "a record larger than message.max.bytes is refused", func() bool {
		return errors.Is(cl.ProduceSync(ctx, big).FirstErr(), kerr.MessageTooLarge)
	})
	alter("message.max.bytes", "")
	awaitTrue(t, "it is taken again", func() bool { return cl.ProduceSync(ctx, big).FirstErr() == nil })

	alter("log.message.timestamp.type", "LogAppendTime")
	reader := n.Client(kgo.ConsumeTopics("t"))
	awaitTrue(t, "the broker stamps records", func() bool {
		if err := cl.ProduceSync(ctx, &kgo.Record{Value: []byte("v"), Timestamp: time.UnixMilli(1000)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		stamped := false
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			stamped = stamped || r.Attrs.TimestampType() == 1 && r.Timestamp.UnixMilli() > 1000
		})
		return stamped
	})
	alter("log.message.timestamp.type", "")

	// Retention goes by the broker's default: what was just written is too old in a moment.
	alter("log.roll.ms", "1")
	alter("log.retention.ms", "1")
	awaitTrue(t, "the log start moves", func() bool {
		if err := cl.ProduceSync(ctx, kgo.StringRecord("more")).FirstErr(); err != nil { // rolls the segment
			t.Fatal(err)
		}
		start, err := admin.ListStartOffsets(ctx, "t")
		if err != nil {
			t.Fatal(err)
		}
		o, _ := start.Lookup("t", 0)
		return o.Offset > 0
	})

	// One connection more than the client has now is too many.
	alter("max.connections.per.ip", "1")
	awaitTrue(t, "a connection is refused", func() bool {
		c, err := net.Dial("tcp", n.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 1))
		return errors.Is(err, io.EOF) || isReset(err)
	})
}

// A segment size that Apache Kafka allowed once, and that topics can no longer have, keeps no group from being coordinated.
func TestSmallSegmentsOfTheOffsetsTopic(t *testing.T) {
	n := brokertest.Start(t, "offsets.topic.segment.bytes=8192")
	admin := kadm.NewClient(n.Client())
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	offsets := make(kadm.Offsets)
	offsets.AddOffset("t", 0, 7, -1)
	if err := admin.CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Error(err)
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// awaitTrue waits for a condition.
func awaitTrue(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
