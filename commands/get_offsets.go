package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// getOffsetsOptions is a parsed command line of kgo get-offsets.
type getOffsetsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Match           []partitionRule
	ExcludeInternal bool
	Timestamp       int64
	Output          format
}

// partitionRule selects partitions: a topic pattern and a set of partition numbers.
type partitionRule struct {
	topics     topicFilter
	partitions func(int32) bool
}

func newGetOffsetsCmd(f *Factory, runF func(*getOffsetsOptions) error) *cobra.Command {
	t := &tool{
		spec:        getOffsetsSpec,
		short:       "Print the offsets of partitions: the first, the next, or the first since a time",
		long:        getOffsetsLong,
		example:     "  kgo get-offsets --topic hello\n  kgo get-offsets --topic 'h.*' --time earliest\n  kgo get-offsets --topic-partitions hello:0-2,other:1",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainErrors: true,
		parsePrefix: "Error occurred: ",
		fail:        func(err error) { say(f.IO.ErrOut, "Error occurred: %s\n", client.Explain(err)) },
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &getOffsetsOptions{IO: f.IO, Client: f.opener(set, "GetOffsetShell")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return getOffsetsRun(ctx, o)
	})
}

const getOffsetsLong = `Prints a line TOPIC:PARTITION:OFFSET for each partition that matches.

--time says which offset: latest (-1, the next one that will be written), earliest (-2), max-timestamp (-3, the
record with the highest timestamp), earliest-local (-4), latest-tiered (-5), earliest-pending-upload (-6), or
milliseconds since 1970: the first record that is not older. Partitions without such a record have no line.`

// checkServers refuses a --bootstrap-server without a port in the words of the tools that look at it before anything else.
func checkServers(set *opt.Set) error { return checkServerList(set, "bootstrap-server") }

func checkServerList(set *opt.Set, option string) error {
	for server := range strings.SplitSeq(set.String(option), ",") {
		if _, port, err := net.SplitHostPort(strings.TrimSpace(server)); set.Has(option) && (err != nil || port == "") {
			return opt.Usagef("Please provide valid host:port like host1:9091,host2:9092\n")
		}
	}
	return nil
}

func (o *getOffsetsOptions) parse(set *opt.Set) error {
	if err := checkServers(set); err != nil {
		return err
	}
	if set.Has("topic-partitions") && count(set, "topic", "partitions") > 0 {
		return errors.New("--topic-partitions cannot be used with --topic or --partitions")
	}
	o.ExcludeInternal = set.Has("exclude-internal-topics")
	var err error
	if o.Timestamp, err = offsetTime(set.String("time")); err != nil {
		return err
	}
	if set.Has("topic-partitions") {
		for rule := range strings.SplitSeq(set.String("topic-partitions"), ",") {
			r, err := parsePartitionRule(rule)
			if err != nil {
				return err
			}
			o.Match = append(o.Match, r)
		}
	} else {
		r := partitionRule{partitions: func(int32) bool { return true }}
		if r.topics, err = newTopicFilter(set.String("topic"), set.Has("topic")); err != nil {
			return err
		}
		if list := set.String("partitions"); list != "" {
			var wanted []int32
			for p := range strings.SplitSeq(list, ",") {
				n, err := strconv.ParseInt(p, 10, 32)
				if err != nil {
					return fmt.Errorf("--partitions expects a comma separated list of numeric partition ids, but received: %s", list)
				}
				wanted = append(wanted, int32(n))
			}
			r.partitions = func(p int32) bool { return slices.Contains(wanted, p) }
		}
		o.Match = []partitionRule{r}
	}
	o.Output, err = outputFormat(set)
	return err
}

// offsetTimes are the words for special timestamps.
var offsetTimes = map[string]int64{"latest": -1, "earliest": -2, "max-timestamp": -3, "earliest-local": -4, "latest-tiered": -5, "earliest-pending-upload": -6}

func offsetTime(text string) (int64, error) {
	if n, ok := offsetTimes[text]; ok {
		return n, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp", text)
	}
	return n, nil
}

// parsePartitionRule reads TOPIC, TOPIC:3, TOPIC:0-3 (3 excluded), TOPIC:3- or TOPIC:-3.
func parsePartitionRule(text string) (partitionRule, error) {
	bad := fmt.Errorf("org.apache.kafka.tools.TerseException: Invalid rule specification: %s", text)
	topic, span, hasSpan := strings.Cut(text, ":")
	rule := partitionRule{partitions: func(int32) bool { return true }}
	var err error
	if rule.topics, err = newTopicFilter(topic, topic != ""); err != nil {
		return rule, err
	}
	if !hasSpan || span == "" {
		return rule, nil
	}
	number := func(s string, otherwise int32) (int32, bool) {
		if s == "" {
			return otherwise, true
		}
		n, err := strconv.ParseInt(s, 10, 32)
		return int32(n), err == nil && n >= 0
	}
	from, to, isRange := strings.Cut(span, "-")
	low, ok1 := number(from, 0)
	high, ok2 := number(to, 1<<31-1)
	if !ok1 || !ok2 {
		return rule, bad
	}
	if !isRange {
		high = low + 1
	}
	rule.partitions = func(p int32) bool { return p >= low && p < high }
	return rule, nil
}

// offsetView is one partition of kgo get-offsets.
type offsetView struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

func getOffsetsRun(ctx context.Context, o *getOffsetsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	all, err := cl.Admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[int32]*kmsg.ListOffsetsRequest) // by leader
	found := false
	for _, t := range all.Sorted() {
		if o.ExcludeInternal && isInternal(t.Topic) {
			continue
		}
		for _, p := range t.Partitions.Sorted() {
			if !slices.ContainsFunc(o.Match, func(r partitionRule) bool { return r.topics.match(t.Topic) && r.partitions(p.Partition) }) {
				continue
			}
			found = true
			addListOffset(wanted, p.Leader, t.Topic, p.Partition, o.Timestamp)
		}
	}
	if !found {
		return errors.New("Could not match any topic-partitions with the specified filters")
	}
	views, err := o.askAll(ctx, cl, wanted)
	if err != nil {
		return err
	}
	slices.SortFunc(views, func(a, b offsetView) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return strings.Compare(strconv.Itoa(int(a.Partition)), strconv.Itoa(int(b.Partition)))
	})
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		for _, v := range views {
			fmt.Fprintf(w, "%s:%d:%d\n", v.Topic, v.Partition, v.Offset)
		}
		return nil
	})
}

func addListOffset(wanted map[int32]*kmsg.ListOffsetsRequest, leader int32, topic string, partition int32, timestamp int64) {
	req := wanted[leader]
	if req == nil {
		req = kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID = -1
		wanted[leader] = req
	}
	if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != topic {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		req.Topics = append(req.Topics, t)
	}
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp, p.CurrentLeaderEpoch = partition, timestamp, -1
	last := &req.Topics[len(req.Topics)-1]
	last.Partitions = append(last.Partitions, p)
}

// askAll asks all leaders at once. A partition that cannot answer is skipped with a line on stderr, as in the original.
func (o *getOffsetsOptions) askAll(ctx context.Context, cl *client.Client, wanted map[int32]*kmsg.ListOffsetsRequest) ([]offsetView, error) {
	var mu sync.Mutex // guards what follows
	views := []offsetView{}
	var failed []error
	var all sync.WaitGroup
	for leader, req := range wanted {
		all.Go(func() {
			got, err := listOffsets(ctx, cl, leader, req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
				return
			}
			for _, t := range got {
				for _, p := range t.Partitions {
					switch err := kerr.ErrorForCode(p.ErrorCode); {
					case err != nil:
						fmt.Fprintf(o.IO.ErrOut, "Skip getting offsets for topic-partition %s-%d due to: %s\n", t.Topic, p.Partition, javaError(err))
					case p.Offset >= 0:
						views = append(views, offsetView{t.Topic, p.Partition, p.Offset})
					}
				}
			}
		})
	}
	all.Wait()
	if len(failed) > 0 {
		return nil, failed[0]
	}
	return views, nil
}

// listOffsets asks the leader that the metadata names. The partitions of which it knows better by now, or of which there is no leader, are asked for once
// more by the client's own rules: it looks for leaders, and waits for them.
func listOffsets(ctx context.Context, cl *client.Client, leader int32, req *kmsg.ListOffsetsRequest) ([]kmsg.ListOffsetsResponseTopic, error) {
	again := req
	var topics []kmsg.ListOffsetsResponseTopic
	if leader >= 0 {
		resp, err := req.RequestWith(ctx, cl.Broker(int(leader)))
		if err == nil {
			topics, again = resp.Topics, nil
			for i := range topics {
				t := &topics[i]
				t.Partitions = slices.DeleteFunc(t.Partitions, func(p kmsg.ListOffsetsResponseTopicPartition) bool {
					moved := kerr.IsRetriable(kerr.ErrorForCode(p.ErrorCode))
					if moved {
						if again == nil {
							again = kmsg.NewPtrListOffsetsRequest()
							again.ReplicaID = -1
						}
						again.Topics = append(again.Topics, onePartition(req, t.Topic, p.Partition))
					}
					return moved
				})
			}
		}
	}
	if again == nil {
		return topics, nil
	}
	resp, err := again.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	return append(topics, resp.Topics...), nil
}

// onePartition asks for a partition as req does.
func onePartition(req *kmsg.ListOffsetsRequest, topic string, partition int32) kmsg.ListOffsetsRequestTopic {
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.CurrentLeaderEpoch, p.Timestamp = partition, -1, req.Topics[0].Partitions[0].Timestamp
	t.Partitions = append(t.Partitions, p)
	return t
}
