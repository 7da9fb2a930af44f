package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// znode is a node of the tree that old Kafka kept in ZooKeeper.
type znode struct {
	data      *string // nil is ZooKeeper's null
	children  []string
	ephemeral bool
}

// zkTree shows a cluster's metadata under ZooKeeper's paths. Nothing is kept: each look asks the cluster.
type zkTree struct {
	client *client.Client
	now    func() time.Time

	meta  *kadm.Metadata // of the current look
	epoch *int32
}

// zkRoot are the nodes below / and whether the tree knows their children without asking.
var zkRoot = []string{"admin", "brokers", "cluster", "config", "consumers", "controller", "controller_epoch", "feature", "isr_change_notification", "latest_producer_id_block", "log_dir_event_notification", "zookeeper"}

func leaf(data string) *znode { return &znode{data: &data} }

func folder(children ...string) *znode { return &znode{children: children} }

// asJSON writes an object's fields in the order given, as old Kafka did.
func asJSON(fields ...any) *znode {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i+1 < len(fields); i += 2 {
		value, err := json.Marshal(fields[i+1])
		if err != nil {
			value = []byte("null")
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", fields[i], value)
	}
	b.WriteByte('}')
	return leaf(b.String())
}

// look returns the node at a path, nil where there is none.
func (t *zkTree) look(ctx context.Context, path string) (*znode, error) {
	t.meta, t.epoch = nil, nil
	return t.at(ctx, splitZPath(path))
}

func splitZPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func (t *zkTree) at(ctx context.Context, path []string) (*znode, error) {
	if len(path) == 0 {
		return folder(zkRoot...), nil
	}
	rest := path[1:]
	switch path[0] {
	case "brokers":
		return t.brokers(ctx, rest)
	case "config":
		return t.config(ctx, rest)
	case "consumers":
		return t.consumers(ctx, rest)
	case "admin":
		return t.admin(ctx, rest)
	case "zookeeper":
		return fixedFolder(rest, "config", "quota"), nil
	case "cluster":
		return t.only(ctx, rest, "id", func(m *kadm.Metadata) *znode { return asJSON("version", "1", "id", m.Cluster) })
	}
	if len(rest) > 0 || !slices.Contains(zkRoot, path[0]) {
		return nil, nil //nolint:nilnil // no node, and no failure
	}
	switch path[0] {
	case "controller":
		m, err := t.metadata(ctx)
		if err != nil {
			return nil, err
		}
		n := asJSON("version", 1, "brokerid", m.Controller, "timestamp", t.timestamp())
		n.ephemeral = true
		return n, nil
	case "controller_epoch":
		return leaf(strconv.Itoa(int(t.controllerEpoch(ctx)))), nil
	case "feature":
		return asJSON("features", struct{}{}, "version", 2, "status", 1), nil
	}
	return folder(), nil
}

// fixedFolder is a folder whose children are empty folders.
func fixedFolder(path []string, children ...string) *znode {
	switch {
	case len(path) == 0:
		return folder(children...)
	case len(path) == 1 && slices.Contains(children, path[0]):
		return folder()
	}
	return nil
}

// only is a folder with one child.
func (t *zkTree) only(ctx context.Context, path []string, child string, data func(*kadm.Metadata) *znode) (*znode, error) {
	switch {
	case len(path) == 0:
		return folder(child), nil
	case len(path) > 1 || path[0] != child:
		return nil, nil //nolint:nilnil // no node, and no failure
	}
	m, err := t.metadata(ctx)
	if err != nil {
		return nil, err
	}
	return data(m), nil
}

func (t *zkTree) timestamp() string { return strconv.FormatInt(t.now().UnixMilli(), 10) }

func (t *zkTree) metadata(ctx context.Context) (*kadm.Metadata, error) {
	if t.meta == nil {
		m, err := t.client.Admin.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		t.meta = &m
	}
	return t.meta, nil
}

// controllerEpoch is the quorum's leader epoch, -1 where the cluster doesn't say.
func (t *zkTree) controllerEpoch(ctx context.Context) int32 {
	if t.epoch == nil {
		epoch := t.askControllerEpoch(ctx)
		t.epoch = &epoch
	}
	return *t.epoch
}

func (t *zkTree) askControllerEpoch(ctx context.Context) int32 {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	raw, err := t.client.Request(ctx, req)
	if resp, ok := raw.(*kmsg.DescribeQuorumResponse); err == nil && ok && len(resp.Topics) == 1 && len(resp.Topics[0].Partitions) == 1 {
		return resp.Topics[0].Partitions[0].LeaderEpoch
	}
	return -1
}

func (t *zkTree) brokers(ctx context.Context, path []string) (*znode, error) {
	if len(path) == 0 {
		return folder("ids", "seqid", "topics"), nil
	}
	if path[0] == "seqid" && len(path) == 1 {
		return folder(), nil
	}
	m, err := t.metadata(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case path[0] == "ids" && len(path) == 1:
		n := folder()
		for _, b := range m.Brokers {
			n.children = append(n.children, strconv.Itoa(int(b.NodeID)))
		}
		slices.SortFunc(n.children, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
		return n, nil
	case path[0] == "ids" && len(path) == 2:
		for _, b := range m.Brokers {
			if strconv.Itoa(int(b.NodeID)) == path[1] {
				return t.broker(ctx, b)
			}
		}
	case path[0] == "topics" && len(path) == 1:
		return folder(m.Topics.Names()...), nil
	case path[0] == "topics":
		if topic, ok := m.Topics[path[1]]; ok && topic.Err == nil {
			return t.topic(ctx, topic, path[2:]), nil
		}
	}
	return nil, nil //nolint:nilnil // no node, and no failure
}

// broker is /brokers/ids/N: the listeners come from the broker's own configuration.
func (t *zkTree) broker(ctx context.Context, b kadm.BrokerDetail) (*znode, error) {
	protocols, endpoints := map[string]string{"PLAINTEXT": "PLAINTEXT"}, []string{"PLAINTEXT://" + net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))}
	settings, err := t.client.Admin.DescribeBrokerConfigs(ctx, b.NodeID)
	if err == nil && len(settings) == 1 && settings[0].Err == nil {
		byName := configValues(settings[0])
		if listeners := first(byName["advertised.listeners"], byName["listeners"]); listeners != "" && !strings.Contains(listeners, "://:") {
			endpoints, protocols = strings.Split(listeners, ","), make(map[string]string)
			for _, l := range endpoints {
				name, _, _ := strings.Cut(l, "://")
				protocols[name] = name
			}
			for pair := range strings.SplitSeq(byName["listener.security.protocol.map"], ",") {
				name, protocol, _ := strings.Cut(pair, ":")
				if _, has := protocols[name]; has {
					protocols[name] = protocol
				}
			}
		}
	}
	fields := []any{"features", struct{}{}, "listener_security_protocol_map", protocols, "endpoints", endpoints, "jmx_port", -1, "port", b.Port, "host", b.Host, "version", 5, "timestamp", t.timestamp()}
	if b.Rack != nil {
		fields = append(fields, "rack", *b.Rack)
	}
	n := asJSON(fields...)
	n.ephemeral = true
	return n, nil
}

func configValues(r kadm.ResourceConfig) map[string]string {
	out := make(map[string]string)
	for _, c := range r.Configs {
		out[c.Key] = c.MaybeValue()
	}
	return out
}

// topic is /brokers/topics/T and below.
func (t *zkTree) topic(ctx context.Context, topic kadm.TopicDetail, path []string) *znode {
	switch {
	case len(path) == 0:
		replicas := make(map[string][]int32) // encoding/json sorts the keys as text, as nobody minded
		for id, p := range topic.Partitions {
			replicas[strconv.Itoa(int(id))] = p.Replicas
		}
		n := asJSON("removing_replicas", struct{}{}, "partitions", replicas, "topic_id", formatUUID(topic.ID), "adding_replicas", struct{}{}, "version", 3)
		n.children = []string{"partitions"}
		return n
	case path[0] != "partitions" || len(path) > 3:
		return nil
	case len(path) == 1:
		n := folder()
		for _, id := range slices.Sorted(maps.Keys(topic.Partitions)) {
			n.children = append(n.children, strconv.Itoa(int(id)))
		}
		return n
	}
	id, err := strconv.ParseInt(path[1], 10, 32)
	p, ok := topic.Partitions[int32(id)]
	switch {
	case err != nil || !ok || len(path) == 3 && path[2] != "state":
		return nil
	case len(path) == 2:
		return folder("state")
	}
	return asJSON("controller_epoch", t.controllerEpoch(ctx), "leader", p.Leader, "version", 1, "leader_epoch", p.LeaderEpoch, "isr", p.ISR)
}

// config is /config: the settings that were made for topics, brokers and the rest.
func (t *zkTree) config(ctx context.Context, path []string) (*znode, error) {
	kinds := []string{"brokers", "changes", "clients", "ips", "topics", "users"}
	switch {
	case len(path) == 0:
		return folder(kinds...), nil
	case len(path) > 2 || !slices.Contains(kinds, path[0]):
		return nil, nil //nolint:nilnil // no node, and no failure
	case path[0] != "topics" && path[0] != "brokers":
		return fixedFolder(path[1:]), nil
	}
	m, err := t.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if path[0] == "topics" {
		if len(path) == 1 {
			return folder(m.Topics.Names()...), nil
		}
		if !m.Topics.Has(path[1]) {
			return nil, nil //nolint:nilnil // no node, and no failure
		}
		configs, err := t.client.Admin.DescribeTopicConfigs(ctx, path[1])
		return madeFor(configs, kmsg.ConfigSourceDynamicTopicConfig, err)
	}
	if len(path) == 1 {
		n := folder("<default>")
		for _, b := range m.Brokers {
			n.children = append(n.children, strconv.Itoa(int(b.NodeID)))
		}
		return n, nil
	}
	if path[1] == "<default>" {
		return t.brokerDefaults(ctx, m)
	}
	for _, b := range m.Brokers {
		if strconv.Itoa(int(b.NodeID)) == path[1] {
			configs, err := t.client.Admin.DescribeBrokerConfigs(ctx, b.NodeID)
			return madeFor(configs, kmsg.ConfigSourceDynamicBrokerConfig, err)
		}
	}
	return nil, nil //nolint:nilnil // no node, and no failure
}

// brokerDefaults are the settings made for all brokers; each broker shows them among its own.
func (t *zkTree) brokerDefaults(ctx context.Context, m *kadm.Metadata) (*znode, error) {
	if len(m.Brokers) == 0 {
		return asJSON("version", 1, "config", struct{}{}), nil
	}
	configs, err := t.client.Admin.DescribeBrokerConfigs(ctx, m.Brokers[0].NodeID)
	return madeFor(configs, kmsg.ConfigSourceDynamicDefaultBrokerConfig, err)
}

// madeFor are the settings of one origin, as a node of /config.
func madeFor(configs kadm.ResourceConfigs, source kmsg.ConfigSource, err error) (*znode, error) {
	if err != nil {
		return nil, err
	}
	set := make(map[string]string)
	for _, r := range configs {
		if r.Err != nil {
			return nil, r.Err
		}
		for _, c := range r.Configs {
			if c.Source == source {
				set[c.Key] = c.MaybeValue()
			}
			for _, synonym := range c.Synonyms { // what another origin hides
				if synonym.Source == source && c.Source != source {
					set[synonym.Key] = synonymValue(synonym)
				}
			}
		}
	}
	return asJSON("version", 1, "config", set), nil
}

// consumers is /consumers: each group's offsets, where consumers before 0.9 kept theirs, and its members.
func (t *zkTree) consumers(ctx context.Context, path []string) (*znode, error) {
	groups, err := t.client.Admin.ListGroups(ctx)
	if err != nil {
		return nil, err
	}
	if len(path) == 0 {
		return folder(groups.Groups()...), nil
	}
	if _, ok := groups[path[0]]; !ok {
		return nil, nil //nolint:nilnil // no node, and no failure
	}
	switch {
	case len(path) == 1:
		return folder("ids", "offsets", "owners"), nil
	case path[1] == "offsets":
		return t.groupOffsets(ctx, path[0], path[2:])
	case path[1] != "ids" && path[1] != "owners":
		return nil, nil //nolint:nilnil // no node, and no failure
	}
	described, err := t.client.Admin.DescribeGroups(ctx, path[0])
	if err != nil {
		return nil, err
	}
	return groupMembers(described[path[0]], path[1:]), nil
}

// groupMembers is /consumers/G/ids and /consumers/G/owners/T/P.
func groupMembers(group kadm.DescribedGroup, path []string) *znode {
	owners := make(map[string]map[string]string)
	n := folder()
	for _, m := range group.Members {
		n.children = append(n.children, m.MemberID)
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				for _, p := range topic.Partitions {
					if owners[topic.Topic] == nil {
						owners[topic.Topic] = make(map[string]string)
					}
					owners[topic.Topic][strconv.Itoa(int(p))] = m.MemberID
				}
			}
		}
	}
	if path[0] == "ids" {
		if len(path) == 2 && slices.Contains(n.children, path[1]) {
			return folder()
		} else if len(path) > 1 {
			return nil
		}
		slices.Sort(n.children)
		return n
	}
	return twoLevels(owners, path[1:])
}

// twoLevels is a folder of folders of leaves.
func twoLevels(tree map[string]map[string]string, path []string) *znode {
	switch len(path) {
	case 0:
		return folder(slices.Sorted(maps.Keys(tree))...)
	case 1:
		if leaves, ok := tree[path[0]]; ok {
			return folder(slices.Sorted(maps.Keys(leaves))...)
		}
	case 2:
		if data, ok := tree[path[0]][path[1]]; ok {
			return leaf(data)
		}
	}
	return nil
}

func (t *zkTree) groupOffsets(ctx context.Context, group string, path []string) (*znode, error) {
	offsets, err := t.client.Admin.FetchOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	tree := make(map[string]map[string]string)
	offsets.Each(func(o kadm.OffsetResponse) {
		if tree[o.Topic] == nil {
			tree[o.Topic] = make(map[string]string)
		}
		tree[o.Topic][strconv.Itoa(int(o.Partition))] = strconv.FormatInt(o.At, 10)
	})
	return twoLevels(tree, path), nil
}

// admin is /admin: a reassignment that runs is a node there.
func (t *zkTree) admin(ctx context.Context, path []string) (*znode, error) {
	running, err := t.client.Admin.ListPartitionReassignments(ctx, nil)
	if err != nil {
		return nil, err
	}
	type reassignment struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Replicas  []int32 `json:"replicas"`
	}
	var all []reassignment
	for _, r := range running.Sorted() {
		all = append(all, reassignment{r.Topic, r.Partition, r.Replicas})
	}
	if len(all) == 0 {
		return fixedFolder(path, "delete_topics"), nil
	}
	if len(path) == 1 && path[0] == "reassign_partitions" {
		return asJSON("version", 1, "partitions", all), nil
	}
	return fixedFolder(path, "delete_topics", "reassign_partitions"), nil
}

func synonymValue(s kadm.ConfigSynonym) string {
	if s.Value == nil {
		return ""
	}
	return *s.Value
}
