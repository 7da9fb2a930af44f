package commands

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// What the tools that consume in a share group (KIP-932) have in common.

// openShareConsumer joins a share group (group.id of the properties) to read a topic, once it is sure that the cluster can be
// reached, within wait, and serves share groups. It is not closed when ctx ends: it has records to give back.
func openShareConsumer(ctx context.Context, open clientOpener, props client.Properties, topic string, wait time.Duration, more ...kgo.Opt) (*client.Client, error) {
	plain := maps.Clone(props)
	delete(plain, "group.id")
	delete(plain, "auto.offset.reset") // where a share group begins is the group's own setting
	asking, err := open(ctx, plain)
	if err != nil {
		return nil, err
	}
	if err := servesShareGroups(ctx, asking, wait); err != nil {
		return nil, asking.Cause(err)
	}
	opts := []kgo.Opt{
		kgo.ShareGroup(props["group.id"]), kgo.ConsumeTopics(topic), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1),
	}
	for key, apply := range map[string]func(int) kgo.Opt{
		"fetch.min.bytes":   func(n int) kgo.Opt { return kgo.FetchMinBytes(int32(n)) },
		"fetch.max.bytes":   func(n int) kgo.Opt { return kgo.FetchMaxBytes(int32(n)) },
		"fetch.max.wait.ms": func(n int) kgo.Opt { return kgo.FetchMaxWait(time.Duration(n) * time.Millisecond) },
		"max.poll.records":  func(n int) kgo.Opt { return kgo.ShareMaxRecords(int32(n)) },
	} {
		if v, ok := props[key]; ok {
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil || n < 0 {
				return nil, &client.ConfigError{Key: key, Value: v, Text: "Not a number of type INT"}
			}
			opts = append(opts, apply(int(n)))
		}
	}
	return open(context.WithoutCancel(ctx), plain, append(opts, more...)...)
}

// servesShareGroups asks the cluster whether it knows the requests of share groups.
func servesShareGroups(ctx context.Context, cl *client.Client, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl.Client)
	if err != nil {
		return err
	}
	for _, k := range resp.ApiKeys {
		if k.ApiKey == int16(kmsg.ShareFetch) {
			return nil
		}
	}
	return errNoShareGroups
}

// leaveShareGroup sends what was acknowledged, gives back the rest and leaves the group: all in the last request, so that nothing
// that is given back is fetched again.
func leaveShareGroup(ctx context.Context, cl *client.Client, wait time.Duration) error {
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	return cl.LeaveGroupContext(bye)
}
