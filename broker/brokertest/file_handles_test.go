package brokertest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// A broker that can't open the logs of its groups tells clients to try again, there, and coordinates as soon as files can be opened.
func TestGroupsOfABrokerOutOfFileHandles(t *testing.T) {
	var short atomic.Bool
	fsys := errorfs.Wrap(vfs.OS(), errorfs.InjectorFunc(func(op errorfs.Op, name string) error {
		if short.Load() && op&(errorfs.OpOpen|errorfs.OpCreate) != 0 && strings.Contains(name, "__consumer_offsets") {
			return vfs.ErrOutOfHandles
		}
		return nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node, addr := startOn(ctx, t, fsys, t.TempDir())
	defer func() {
		if err := node.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	short.Store(true)
	cl := clientOf(t, addr)
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 2, 1, nil, "__consumer_offsets"); err != nil {
		t.Fatal(err)
	}
	byName := kversion.Stable()
	byName.SetMaxKeyVersion(8, 9)
	commit := func() error {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.Generation = "g", -1
		topic, row := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
		topic.Topic, row.Offset = "t", 7
		topic.Partitions = append(topic.Partitions, row)
		req.Topics = append(req.Topics, topic)
		one, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0), kgo.MaxVersions(byName))
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		resp, err := one.SeedBrokers()[0].Request(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return kerr.ErrorForCode(resp.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
	}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	if err := commit(); !errors.Is(err, kerr.CoordinatorLoadInProgress) {
		t.Errorf("without file handles: %v", err)
	}
	short.Store(false)
	awaitTrue(t, "the group is coordinated", func() bool { return commit() == nil })
}
