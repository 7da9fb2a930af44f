package brokertest_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestHeldConfigChange gives a change of a topic's configuration to a broker that sleeps, whose client then gives up and sets something newer by way of
// another broker. When the first wakes, the older change must not come through; neither if it was fenced meanwhile, nor if nobody noticed.
func TestHeldConfigChange(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 2, everywhere: []string{"broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=400"}})
	awake, sleeper := c.brokers[0], c.brokers[1]
	adm := kadm.NewClient(awake.client())
	if _, err := adm.CreateTopic(t.Context(), 1, 2, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	set := func(by *member, key string, value int) {
		t.Helper()
		cl := by.client()
		defer cl.Close()
		resp, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: key, Value: new(strconv.Itoa(value))}}, workTopic)
		if err == nil {
			err = resp[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for round, fenced := range []bool{false, true, false, false} {
		older, newer := 1_000_000+round, 2_000_000+round
		sleeper.pause()
		sendAndLeave(t, sleeper, older)
		if fenced {
			c.until("the sleeper to be fenced", func(ctx context.Context) bool { return knownBy(ctx, awake) == 1 })
		}
		set(awake, "retention.ms", newer)
		sleeper.resume()
		c.until("the sleeper to be back", func(ctx context.Context) bool { return knownBy(ctx, awake) == 2 })
		set(sleeper, "segment.ms", newer) // a change that comes later by the same way has gone through
		got, err := adm.DescribeTopicConfigs(t.Context(), workTopic)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range got[0].Configs {
			if entry.Key == "retention.ms" && entry.MaybeValue() != strconv.Itoa(newer) {
				t.Errorf("fenced %t: retention.ms is %s, and was set to %d after that", fenced, entry.MaybeValue(), newer)
			}
		}
	}
}

// knownBy is how many brokers one of them takes for alive. Nobody else is asked.
func knownBy(ctx context.Context, b *member) int {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	cl := b.client()
	defer cl.Close()
	known, err := kadm.NewClient(cl).BrokerMetadata(ctx)
	if err != nil {
		return -1
	}
	return len(known.Brokers)
}

// sendAndLeave sends a change to a broker and hangs up.
func sendAndLeave(t *testing.T, to *member, retention int) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version = 1
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, workTopic
	value := strconv.Itoa(retention)
	r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "retention.ms", Op: kmsg.IncrementalAlterConfigOpSet, Value: &value})
	req.Resources = append(req.Resources, r)
	conn, err := net.Dial("tcp", to.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
		t.Fatal(err)
	}
}
