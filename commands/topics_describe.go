package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// topicView is one topic of kgo topics --describe.
type topicView struct {
	Topic             string          `json:"topic"`
	TopicID           string          `json:"topic_id,omitempty"`
	PartitionCount    int             `json:"partition_count"`
	ReplicationFactor int             `json:"replication_factor"`
	Internal          bool            `json:"internal"`
	Configs           []configSetting `json:"configs"` // those that are not defaults
	Partitions        []partitionView `json:"partitions"`

	minIsr int
}

// configSetting is one key and value.
type configSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// partitionView is one partition of a topic. Leader is -1 while there is none. Elr and LastKnownElr are null where the
// cluster does not tell.
type partitionView struct {
	Partition    int32   `json:"partition"`
	Leader       int32   `json:"leader"`
	LeaderEpoch  int32   `json:"leader_epoch"`
	Replicas     []int32 `json:"replicas"`
	Isr          []int32 `json:"isr"`
	Elr          []int32 `json:"elr"`
	LastKnownElr []int32 `json:"last_known_elr"`
	Adding       []int32 `json:"adding_replicas,omitempty"`
	Removing     []int32 `json:"removing_replicas,omitempty"`

	alive, moving bool
}

func (o *topicsOptions) describe(ctx context.Context, cl *client.Client) error {
	topics, err := o.fetch(ctx, cl)
	if err != nil {
		return err
	}
	if len(topics) > 0 {
		if err := completeTopics(ctx, cl, topics); err != nil {
			return err
		}
	}
	views := o.selected(topics)
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		o.print(w, views)
		return nil
	})
}

// fetch reads the topics' partitions.
func (o *topicsOptions) fetch(ctx context.Context, cl *client.Client) ([]topicView, error) {
	if o.TopicID != ([16]byte{}) {
		return o.fetchMetadata(ctx, cl, nil)
	}
	filter, err := newTopicFilter(o.Topic, o.HasTopic)
	if err != nil {
		return nil, err
	}
	topics, err := o.fetchPartitions(ctx, cl, filter.literal)
	if isUnsupported(err) {
		topics, err = o.fetchMetadata(ctx, cl, &filter.literal)
	}
	if err != nil {
		return nil, err
	}
	topics = slices.DeleteFunc(topics, func(t topicView) bool {
		return !filter.match(t.Topic) || (o.ExcludeInternal && isInternal(t.Topic))
	})
	if len(topics) == 0 && o.HasTopic && o.Topic != "" && !o.IfExists {
		return nil, fmt.Errorf("Topic '%s' does not exist as expected", o.Topic)
	}
	slices.SortFunc(topics, func(a, b topicView) int { return strings.Compare(a.Topic, b.Topic) })
	return topics, nil
}

// isUnsupported reports whether the broker does not know a request.
func isUnsupported(err error) bool {
	return err != nil && (errors.Is(err, kerr.UnsupportedVersion) || strings.Contains(err.Error(), "broker is too old"))
}

// fetchPartitions asks by DescribeTopicPartitions, page by page, for one topic or for all.
func (o *topicsOptions) fetchPartitions(ctx context.Context, cl *client.Client, only string) ([]topicView, error) {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	if o.PartitionLimit > 0 {
		req.ResponsePartitionLimit = o.PartitionLimit
	}
	if only != "" {
		req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: only}}
	}
	var topics []topicView
	for {
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		for i := range resp.Topics {
			t := &resp.Topics[i]
			err := serverError(t.ErrorCode, nil)
			if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if n := len(topics); n == 0 || topics[n-1].Topic != *t.Topic {
				topics = append(topics, topicView{Topic: *t.Topic, TopicID: formatUUID(t.TopicID), Internal: t.IsInternal})
			}
			view := &topics[len(topics)-1]
			for _, p := range t.Partitions {
				view.Partitions = append(view.Partitions, partitionView{
					Partition: p.Partition, Leader: p.LeaderID, LeaderEpoch: p.LeaderEpoch, Replicas: p.Replicas, Isr: p.ISR,
					Elr: orEmpty(p.EligibleLeaderReplicas), LastKnownElr: orEmpty(p.LastKnownELR), alive: p.LeaderID >= 0,
				})
			}
		}
		if resp.NextCursor == nil {
			return topics, nil
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
}

// fetchMetadata asks by Metadata: by topic id, or where DescribeTopicPartitions is not known yet.
func (o *topicsOptions) fetchMetadata(ctx context.Context, cl *client.Client, only *string) ([]topicView, error) {
	req := kmsg.NewPtrMetadataRequest()
	switch {
	case only == nil:
		t := kmsg.NewMetadataRequestTopic()
		t.TopicID = o.TopicID
		req.Topics = []kmsg.MetadataRequestTopic{t}
	case *only != "":
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = only
		req.Topics = []kmsg.MetadataRequestTopic{t}
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	var topics []topicView
	for _, t := range resp.Topics {
		err := serverError(t.ErrorCode, nil)
		if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
			continue
		}
		if err != nil || t.Topic == nil {
			return nil, err
		}
		view := topicView{Topic: *t.Topic, Internal: t.IsInternal}
		if t.TopicID != ([16]byte{}) {
			view.TopicID = formatUUID(t.TopicID)
		}
		for _, p := range t.Partitions {
			view.Partitions = append(view.Partitions, partitionView{
				Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: p.Replicas, Isr: p.ISR, alive: p.Leader >= 0,
			})
		}
		topics = append(topics, view)
	}
	if len(topics) == 0 && only == nil && !o.IfExists {
		return nil, fmt.Errorf("TopicId '%s' does not exist as expected", formatUUID(o.TopicID))
	}
	return topics, nil
}

// completeTopics adds the settings and the reassignments in progress, both asked for at once.
func completeTopics(ctx context.Context, cl *client.Client, topics []topicView) error {
	for i := range topics {
		t := &topics[i]
		slices.SortFunc(t.Partitions, func(a, b partitionView) int { return int(a.Partition - b.Partition) })
		t.PartitionCount = len(t.Partitions)
	}
	var wg sync.WaitGroup
	var moves *kmsg.ListPartitionReassignmentsResponse
	var configsErr, movesErr error
	wg.Go(func() { configsErr = addTopicConfigs(ctx, cl, topics) })
	wg.Go(func() {
		req := kmsg.NewPtrListPartitionReassignmentsRequest()
		req.TimeoutMillis = millisLeft(ctx)
		moves, movesErr = req.RequestWith(ctx, cl)
	})
	wg.Wait()
	if configsErr != nil {
		return configsErr
	}
	if movesErr == nil { // as in the original, describing goes on where reassignments may not be listed
		for _, topic := range moves.Topics {
			at := slices.IndexFunc(topics, func(t topicView) bool { return t.Topic == topic.Topic })
			for _, p := range topic.Partitions {
				if at >= 0 && int(p.Partition) < len(topics[at].Partitions) {
					v := &topics[at].Partitions[p.Partition]
					v.Adding, v.Removing, v.moving = p.AddingReplicas, p.RemovingReplicas, true
				}
			}
		}
	}
	for i := range topics {
		if t := &topics[i]; len(t.Partitions) > 0 {
			t.ReplicationFactor = t.Partitions[0].replicationFactor()
		}
	}
	return nil
}

// addTopicConfigs adds the settings, asking for so many topics at a time that the answers stay small.
func addTopicConfigs(ctx context.Context, cl *client.Client, topics []topicView) error {
	byName := make(map[string]*topicView, len(topics))
	var order javaOrder
	for chunk := range slices.Chunk(topics, maxDescribed) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		for i := range chunk {
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, chunk[i].Topic
			req.Resources = append(req.Resources, r)
			byName[chunk[i].Topic] = &chunk[i]
		}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		for _, r := range resp.Resources {
			if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
				return err
			}
			if t := byName[r.ResourceName]; t != nil {
				t.setConfigs(r.Configs, &order)
			}
		}
	}
	return nil
}

// setConfigs keeps the settings that are no defaults, in the order in which the original prints them.
func (t *topicView) setConfigs(entries []kmsg.DescribeConfigsResponseResourceConfig, order *javaOrder) {
	t.Configs = []configSetting{}
	for _, at := range order.of(len(entries), func(i int) string { return entries[i].Name }) {
		e := &entries[at]
		value := "null"
		if e.Value != nil {
			value = *e.Value
		}
		if e.Name == "min.insync.replicas" {
			t.minIsr, _ = strconv.Atoi(value)
		}
		if e.Source != kmsg.ConfigSourceDefaultConfig {
			t.Configs = append(t.Configs, configSetting{e.Name, value})
		}
	}
}

func (p *partitionView) replicationFactor() int {
	if p.moving && len(p.Adding) > 0 {
		return len(p.Replicas) - len(p.Adding)
	}
	return len(p.Replicas)
}

// filtered reports whether only certain partitions were asked for.
func (o *topicsOptions) filtered() bool {
	return o.UnderReplicated || o.Unavailable || o.UnderMin || o.AtMin
}

// selected leaves out what was not asked for.
func (o *topicsOptions) selected(topics []topicView) []topicView {
	out := []topicView{}
	for _, t := range topics {
		if o.filtered() {
			t.Partitions = slices.DeleteFunc(t.Partitions, func(p partitionView) bool {
				return !(o.UnderReplicated && len(p.Isr) < p.replicationFactor() ||
					o.Unavailable && !p.alive ||
					o.UnderMin && len(p.Isr) < t.minIsr ||
					o.AtMin && len(p.Isr) == t.minIsr)
			})
			if len(t.Partitions) == 0 {
				continue
			}
		}
		if o.Overrides && len(t.Configs) == 0 {
			continue
		}
		out = append(out, t)
	}
	return out
}

// print writes the original's lines: fields separated by tabs, partitions below their topic.
func (o *topicsOptions) print(w io.Writer, topics []topicView) {
	for i := range topics {
		t := &topics[i]
		if !o.filtered() {
			settings := make([]string, 0, len(t.Configs))
			for _, c := range t.Configs {
				settings = append(settings, c.Name+"="+c.Value)
			}
			fmt.Fprint(w, paint(w, heading, "Topic: "+t.Topic))
			if t.TopicID != "" {
				fmt.Fprintf(w, "\tTopicId: %s", t.TopicID)
			}
			fmt.Fprintf(w, "\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s\n", t.PartitionCount, t.ReplicationFactor, strings.Join(settings, ","))
		}
		if o.Overrides {
			continue
		}
		for j := range t.Partitions {
			t.Partitions[j].print(w, t.Topic)
		}
	}
}

func (p *partitionView) print(w io.Writer, topic string) {
	leader := paint(w, failure, "none")
	if p.Leader >= 0 {
		leader = strconv.Itoa(int(p.Leader))
	}
	isr := commaList(p.Isr)
	if len(p.Isr) < p.replicationFactor() {
		isr = paint(w, caution, isr)
	}
	fmt.Fprintf(w, "\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s", topic, p.Partition, leader, commaList(p.Replicas), isr)
	if p.moving {
		fmt.Fprintf(w, "\tAdding Replicas: %s\tRemoving Replicas: %s", commaList(p.Adding), commaList(p.Removing))
	}
	elr, last := "N/A", "N/A"
	if p.Elr != nil {
		elr = commaList(p.Elr)
	}
	if p.LastKnownElr != nil {
		last = commaList(p.LastKnownElr)
	}
	fmt.Fprintf(w, "\tElr: %s\tLastKnownElr: %s\n", elr, last)
}

func formatUUID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// orEmpty keeps an empty list apart from an unknown one.
func orEmpty(list []int32) []int32 {
	if list == nil {
		return []int32{}
	}
	return list
}
