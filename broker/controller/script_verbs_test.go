package controller

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// verbs are the commands of the scripts in testdata.
var verbs = map[string]func(c *cluster, t *testing.T, d *datadriven.TestData) string{
	"register": verbRegister, "heartbeat": verbHeartbeat, "unregister": verbUnregister, "tick": verbTick, "state": verbState,
	"create-topic": verbCreateTopic, "delete-topic": verbDeleteTopic, "create-partitions": verbCreatePartitions,
	"alter-config": verbAlterConfig, "replace-config": verbReplaceConfig, "alter-partition": verbAlterPartition,
	"elect": verbElect, "reassign": verbReassign, "list-reassignments": verbListReassignments, "assign-dir": verbAssignDir,
	"allocate-producer-ids": verbAllocateProducerIDs, "update-feature": verbUpdateFeature, "restart-controller": verbRestartController,
}

// register broker=1 [incarnation=2] [rack=a] [dirs=2] [forget-epoch] [cluster=x]
func verbRegister(c *cluster, t *testing.T, d *datadriven.TestData) string {
	id, incarnation, dirs := int32(0), 1, 1
	var rack *string
	d.ScanArgs(t, "broker", &id)
	d.MaybeScanArgs(t, "incarnation", &incarnation)
	d.MaybeScanArgs(t, "dirs", &dirs)
	if d.HasArg("rack") {
		rack = new(string)
		d.ScanArgs(t, "rack", rack)
	}
	req := c.registration(id, byte(incarnation), rack, dirs)
	d.MaybeScanArgs(t, "cluster", &req.ClusterID)
	if d.HasArg("forget-epoch") {
		req.PreviousBrokerEpoch = -1
	}
	if d.HasArg("dirs-of") {
		var other int
		d.ScanArgs(t, "dirs-of", &other)
		req.LogDirs = [][16]byte{dirOf(other, 0)}
	}
	return c.answer(func(resp kmsg.Response) string {
		c.epochs[id] = resp.(*kmsg.BrokerRegistrationResponse).BrokerEpoch
		return fmt.Sprintf("broker epoch %d\n", c.epochs[id])
	}, req)
}

// heartbeat broker=1 [offset=3] [want-fence] [want-shutdown] [offline=(0)] [epoch=7]
func verbHeartbeat(c *cluster, t *testing.T, d *datadriven.TestData) string {
	var id int32
	d.ScanArgs(t, "broker", &id)
	req := c.heartbeat(id)
	d.MaybeScanArgs(t, "offset", &req.CurrentMetadataOffset)
	d.MaybeScanArgs(t, "epoch", &req.BrokerEpoch)
	req.WantFence, req.WantShutdown = d.HasArg("want-fence"), d.HasArg("want-shutdown")
	for _, n := range ints(d, "offline") {
		req.OfflineLogDirs = append(req.OfflineLogDirs, dirOf(int(id), int(n)))
	}
	return c.answer(func(resp kmsg.Response) string {
		r := resp.(*kmsg.BrokerHeartbeatResponse)
		return fmt.Sprintf("caught-up=%t fenced=%t shutdown=%t\n", r.IsCaughtUp, r.IsFenced, r.ShouldShutdown)
	}, req)
}

func verbUnregister(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrUnregisterBrokerRequest()
	d.ScanArgs(t, "broker", &req.BrokerID)
	return c.answer(func(kmsg.Response) string { return "" }, req)
}

// tick [advance=10s] [alive=(1,2)]: time passes while the brokers named send heartbeats.
func verbTick(c *cluster, t *testing.T, d *datadriven.TestData) string {
	if d.HasArg("advance") {
		var s string
		d.ScanArgs(t, "advance", &s)
		by, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(by)
	}
	for _, id := range ints(d, "alive") {
		if _, _, err := c.handle(c.heartbeat(id)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(c.log)
	for {
		records, more := c.core.Tick(c.now)
		c.write(records)
		if !more {
			return c.lines(c.log[before:])
		}
	}
}

func verbState(c *cluster, _ *testing.T, _ *datadriven.TestData) string { return c.state() }

// create-topic name=t [partitions=3] [rf=2] [validate-only] [quiet]; input: "assign 0: 1,2" and "config k=v" lines
func verbCreateTopic(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.ValidateOnly = 7, d.HasArg("validate-only")
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.NumPartitions, topic.ReplicationFactor = -1, -1
	d.MaybeScanArgs(t, "partitions", &topic.NumPartitions)
	d.MaybeScanArgs(t, "rf", &topic.ReplicationFactor)
	for line := range strings.SplitSeq(d.Input, "\n") {
		if rest, ok := strings.CutPrefix(line, "assign "); ok {
			id, list, _ := strings.Cut(rest, ":")
			a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
			a.Partition, a.Replicas = int32(atoi(t, id)), splitInts(t, list)
			topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
		}
		if rest, ok := strings.CutPrefix(line, "config "); ok {
			key, value, hasValue := strings.Cut(rest, "=")
			cfg := kmsg.CreateTopicsRequestTopicConfig{Name: key}
			if hasValue {
				cfg.Value = &value
			}
			topic.Configs = append(topic.Configs, cfg)
		}
	}
	for _, arg := range d.CmdArgs {
		if arg.Key == "name" {
			for _, name := range arg.Vals {
				topic.Topic = name
				req.Topics = append(req.Topics, topic)
			}
		}
	}
	before := len(c.log)
	out := c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, row := range resp.(*kmsg.CreateTopicsResponse).Topics {
			fmt.Fprintf(&b, "%s: %s", row.Topic, refusal(row.ErrorCode, row.ErrorMessage))
			if row.ErrorCode == 0 {
				fmt.Fprintf(&b, "  partitions=%d rf=%d configs=%d\n", row.NumPartitions, row.ReplicationFactor, len(row.Configs))
			}
		}
		return b.String()
	}, req)
	if d.HasArg("quiet") {
		return fmt.Sprintf("%d records\n", len(c.log)-before)
	}
	return out
}

// delete-topic name=t | id-of=t | id=none; several of each
func verbDeleteTopic(c *cluster, _ *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 6
	for _, arg := range d.CmdArgs {
		for _, name := range arg.Vals {
			row := kmsg.NewDeleteTopicsRequestTopic()
			switch {
			case arg.Key == "name":
				row.Topic = new(name)
			case name == "none":
			case c.core.Image().Topic(name) == nil:
				row.TopicID = [16]byte{0: 77}
			default:
				row.TopicID = c.core.Image().Topic(name).ID
			}
			req.Topics = append(req.Topics, row)
		}
	}
	return c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, row := range resp.(*kmsg.DeleteTopicsResponse).Topics {
			name := "null"
			if row.Topic != nil {
				name = *row.Topic
			}
			fmt.Fprintf(&b, "%s: %s", name, refusal(row.ErrorCode, row.ErrorMessage))
		}
		return b.String()
	}, req)
}

// create-partitions name=t count=4 [validate-only]; input: one replica list a line
func verbCreatePartitions(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.Version, req.ValidateOnly = 3, d.HasArg("validate-only")
	topic := kmsg.NewCreatePartitionsRequestTopic()
	d.ScanArgs(t, "count", &topic.Count)
	for line := range strings.FieldsSeq(d.Input) {
		topic.Assignment = append(topic.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: splitInts(t, line)})
	}
	for _, arg := range d.CmdArgs {
		if arg.Key == "name" {
			for _, name := range arg.Vals {
				topic.Topic = name
				req.Topics = append(req.Topics, topic)
			}
		}
	}
	return c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, row := range resp.(*kmsg.CreatePartitionsResponse).Topics {
			fmt.Fprintf(&b, "%s: %s", row.Topic, refusal(row.ErrorCode, row.ErrorMessage))
		}
		return b.String()
	}, req)
}

var resourceTypes = map[string]kmsg.ConfigResourceType{"topic": 2, "broker": 4, "logger": 8, "client-metrics": 16, "group": 32, "odd": 99}

// alter-config topic=t; input: "set k=v", "delete k", "append k=v", "subtract k=v" lines
func verbAlterConfig(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version, req.ValidateOnly = 1, d.HasArg("validate-only")
	var configs []kmsg.IncrementalAlterConfigsRequestResourceConfig
	for line := range strings.SplitSeq(d.Input, "\n") {
		op, rest, _ := strings.Cut(line, " ")
		key, value, hasValue := strings.Cut(rest, "=")
		cfg := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Op: map[string]kmsg.IncrementalAlterConfigOp{"set": 0, "delete": 1, "append": 2, "subtract": 3}[op]}
		if hasValue {
			cfg.Value = &value
		}
		configs = append(configs, cfg)
	}
	for _, arg := range d.CmdArgs {
		if typ, ok := resourceTypes[arg.Key]; ok {
			for _, name := range append(arg.Vals, make([]string, max(0, 1-len(arg.Vals)))...) {
				req.Resources = append(req.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: typ, ResourceName: name, Configs: configs})
			}
		}
	}
	_ = t
	return c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, row := range resp.(*kmsg.IncrementalAlterConfigsResponse).Resources {
			fmt.Fprintf(&b, "%q: %s", row.ResourceName, refusal(row.ErrorCode, row.ErrorMessage))
		}
		return b.String()
	}, req)
}

// replace-config topic=t; input: k=v lines
func verbReplaceConfig(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrAlterConfigsRequest()
	req.Version = 2
	res := kmsg.NewAlterConfigsRequestResource()
	res.ResourceType = 2
	d.ScanArgs(t, "topic", &res.ResourceName)
	for line := range strings.FieldsSeq(d.Input) {
		key, value, _ := strings.Cut(line, "=")
		res.Configs = append(res.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: key, Value: &value})
	}
	req.Resources = append(req.Resources, res)
	return c.answer(func(resp kmsg.Response) string {
		row := resp.(*kmsg.AlterConfigsResponse).Resources[0]
		return refusal(row.ErrorCode, row.ErrorMessage)
	}, req)
}

// alter-partition topic=t partition=0 isr=(1,2) [broker=leader] [leader-epoch=n] [partition-epoch=n] [recovering] [stale=2]
func verbAlterPartition(c *cluster, t *testing.T, d *datadriven.TestData) string {
	var topic string
	p := kmsg.NewAlterPartitionRequestTopicPartition()
	d.ScanArgs(t, "topic", &topic)
	d.MaybeScanArgs(t, "partition", &p.Partition)
	row := kmsg.NewAlterPartitionRequestTopic()
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version = 3
	if t := c.core.Image().Topic(topic); t != nil {
		row.TopicID = t.ID
	}
	if now := c.core.Image().Partition(topic, p.Partition); now != nil {
		req.BrokerID, p.LeaderEpoch, p.PartitionEpoch, p.LeaderRecoveryState = int32(now.Leader), now.LeaderEpoch, now.PartitionEpoch, 0
	}
	d.MaybeScanArgs(t, "broker", &req.BrokerID)
	d.MaybeScanArgs(t, "leader-epoch", &p.LeaderEpoch)
	d.MaybeScanArgs(t, "partition-epoch", &p.PartitionEpoch)
	if d.HasArg("recovering") {
		p.LeaderRecoveryState = 1
	}
	req.BrokerEpoch = c.epochs[req.BrokerID]
	stale := ints(d, "stale")
	for _, id := range ints(d, "isr") {
		m := kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: id, BrokerEpoch: c.epochs[id]}
		for _, s := range stale {
			if s == id {
				m.BrokerEpoch--
			}
		}
		p.NewEpochISR = append(p.NewEpochISR, m)
	}
	row.Partitions = append(row.Partitions, p)
	req.Topics = append(req.Topics, row)
	return c.answer(func(resp kmsg.Response) string {
		r := resp.(*kmsg.AlterPartitionResponse).Topics[0].Partitions[0]
		if r.ErrorCode != 0 {
			return refusal(r.ErrorCode, nil)
		}
		return fmt.Sprintf("leader=%d epoch=%d/%d isr=%v\n", r.LeaderID, r.LeaderEpoch, r.PartitionEpoch, r.ISR)
	}, req)
}

// elect type=preferred|unclean [topic=t partition=0 | all]
func verbElect(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrElectLeadersRequest()
	req.Version = 2
	var kind string
	d.ScanArgs(t, "type", &kind)
	req.ElectionType = map[string]int8{"preferred": 0, "unclean": 1}[kind]
	if !d.HasArg("all") {
		var row kmsg.ElectLeadersRequestTopic
		d.ScanArgs(t, "topic", &row.Topic)
		row.Partitions = ints(d, "partition")
		req.Topics = append(req.Topics, row)
	}
	return c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, topic := range resp.(*kmsg.ElectLeadersResponse).Topics {
			for _, p := range topic.Partitions {
				fmt.Fprintf(&b, "%s-%d: %s", topic.Topic, p.Partition, refusal(p.ErrorCode, p.ErrorMessage))
			}
		}
		return b.String()
	}, req)
}

// reassign topic=t partition=0 (to=(1,2) | cancel) [then=(2,1)] [keep-factor]
func verbReassign(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.Version, req.AllowReplicationFactorChange = 1, !d.HasArg("keep-factor")
	var topic kmsg.AlterPartitionAssignmentsRequestTopic
	var p kmsg.AlterPartitionAssignmentsRequestTopicPartition
	d.ScanArgs(t, "topic", &topic.Topic)
	d.MaybeScanArgs(t, "partition", &p.Partition)
	if !d.HasArg("cancel") {
		p.Replicas = append([]int32{}, ints(d, "to")...)
	}
	topic.Partitions = append(topic.Partitions, p)
	if then := ints(d, "then"); len(then) > 0 { // the same partition again, in the same request
		p.Replicas = then
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return c.answer(func(resp kmsg.Response) string {
		r := resp.(*kmsg.AlterPartitionAssignmentsResponse).Topics[0].Partitions[0]
		return refusal(r.ErrorCode, r.ErrorMessage)
	}, req)
}

func verbListReassignments(c *cluster, _ *testing.T, _ *datadriven.TestData) string {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	return c.answer(func(resp kmsg.Response) string {
		var b strings.Builder
		for _, topic := range resp.(*kmsg.ListPartitionReassignmentsResponse).Topics {
			for _, p := range topic.Partitions {
				fmt.Fprintf(&b, "%s-%d replicas=%v adding=%v removing=%v\n", topic.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas)
			}
		}
		return b.String()
	}, req)
}

// assign-dir broker=1 topic=t partition=0 dir=1
func verbAssignDir(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrAssignReplicasToDirsRequest()
	var topic string
	var p kmsg.AssignReplicasToDirsRequestDirectoryTopicPartition
	var dir, of int
	d.ScanArgs(t, "broker", &req.BrokerID)
	of = int(req.BrokerID)
	d.MaybeScanArgs(t, "dirs-of", &of)
	d.ScanArgs(t, "topic", &topic)
	d.MaybeScanArgs(t, "partition", &p.Partition)
	d.ScanArgs(t, "dir", &dir)
	req.BrokerEpoch = c.epochs[req.BrokerID]
	row := kmsg.AssignReplicasToDirsRequestDirectoryTopic{Partitions: []kmsg.AssignReplicasToDirsRequestDirectoryTopicPartition{p}}
	if t := c.core.Image().Topic(topic); t != nil {
		row.TopicID = t.ID
	}
	req.Directories = []kmsg.AssignReplicasToDirsRequestDirectory{{ID: dirOf(of, dir), Topics: []kmsg.AssignReplicasToDirsRequestDirectoryTopic{row}}}
	return c.answer(func(resp kmsg.Response) string {
		return refusal(resp.(*kmsg.AssignReplicasToDirsResponse).Directories[0].Topics[0].Partitions[0].ErrorCode, nil)
	}, req)
}

func verbAllocateProducerIDs(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrAllocateProducerIDsRequest()
	d.ScanArgs(t, "broker", &req.BrokerID)
	req.BrokerEpoch = c.epochs[req.BrokerID]
	return c.answer(func(resp kmsg.Response) string {
		r := resp.(*kmsg.AllocateProducerIDsResponse)
		return fmt.Sprintf("%d ids from %d\n", r.ProducerIDLen, r.ProducerIDStart)
	}, req)
}

// update-feature name=f level=1 [type=1]
func verbUpdateFeature(c *cluster, t *testing.T, d *datadriven.TestData) string {
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.Version = 2
	u := kmsg.UpdateFeaturesRequestFeatureUpdate{UpgradeType: 1}
	d.ScanArgs(t, "name", &u.Feature)
	d.ScanArgs(t, "level", &u.MaxVersionLevel)
	d.MaybeScanArgs(t, "type", &u.UpgradeType)
	req.FeatureUpdates = append(req.FeatureUpdates, u)
	return c.answer(func(resp kmsg.Response) string {
		r := resp.(*kmsg.UpdateFeaturesResponse)
		return refusal(r.ErrorCode, r.ErrorMessage)
	}, req)
}

// restart-controller: a new leader starts from the log.
func verbRestartController(c *cluster, _ *testing.T, _ *datadriven.TestData) string {
	image := c.replayed()
	c.core = NewCore(c.cfg, metadata.NewImage(c.cfg.ClusterID))
	before := len(c.log)
	c.write(c.core.Activate(image, false, c.now))
	return c.lines(c.log[before:])
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func splitInts(t *testing.T, list string) []int32 {
	var out []int32
	for s := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		if s != "" {
			out = append(out, int32(atoi(t, s)))
		}
	}
	return out
}
