//go:build interop

package controller

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startKafka starts a one-node Apache Kafka and returns a client of it.
func startKafka(t *testing.T) *kgo.Client {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka to compare with")
	}
	const name, port = "controller-interop", "21340"
	if out, err := exec.CommandContext(t.Context(), lab, "start", name, port).CombinedOutput(); err != nil {
		t.Fatalf("starting Apache Kafka: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(lab, "wipe", name).CombinedOutput(); err != nil {
			t.Errorf("stopping Apache Kafka: %v\n%s", err, out)
		}
	})
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:"+port), kgo.RetryTimeout(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestAnswersEqualKafkas sends the same requests to Apache Kafka and to the core and compares error codes and messages, word for word.
func TestAnswersEqualKafkas(t *testing.T) {
	client := startKafka(t)
	cfg := testConfig(1)
	cfg.NodeID = 1
	core := newCluster(t, cfg)
	core.register(1, nil)
	for i, req := range interopRequests() {
		got := answerOf(t, client, req) // first, since the client sets the request's version
		ours, _, err := core.handle(req)
		if err != nil {
			ours = ErrorResponse(req, err)
		}
		want := rowsOf(ours)
		// What Kafka's controller has written, its broker answers a moment later.
		for deadline := time.Now().Add(10 * time.Second); got != want && strings.HasPrefix(kmsg.NameForKey(req.Key()), "Describe") && time.Now().Before(deadline); {
			got = answerOf(t, client, req)
		}
		if got != want {
			t.Errorf("request %d, %s:\nKafka: %s\nkgo:   %s", i, kmsg.NameForKey(req.Key()), got, want)
		}
	}
}

func answerOf(t *testing.T, client *kgo.Client, req kmsg.Request) string {
	t.Helper()
	resp, err := client.Request(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	return rowsOf(resp)
}

func interopRequests() []kmsg.Request {
	var out []kmsg.Request
	create := func(edit func(*kmsg.CreateTopicsRequestTopic), names ...string) {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 10_000
		for _, name := range names {
			t := kmsg.NewCreateTopicsRequestTopic()
			t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
			if edit != nil {
				edit(&t)
			}
			req.Topics = append(req.Topics, t)
		}
		out = append(out, req)
	}
	assign := func(replicas ...[]int32) func(*kmsg.CreateTopicsRequestTopic) {
		return func(t *kmsg.CreateTopicsRequestTopic) {
			for i, r := range replicas {
				t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
			}
		}
	}
	create(nil, "a")
	create(nil, "a")
	create(nil, "b", "b", "c")
	create(nil, "__cluster_metadata")
	create(nil, "x.y")
	create(nil, "x_y")
	create(nil, "x.y")
	create(nil, "wrong/name")
	create(nil, "..")
	create(nil, "")
	create(nil, strings.Repeat("n", 250))
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = 0 }, "p")
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = -2 }, "p")
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = 10_001 }, "p")
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = 10_000 }, "p")
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.ReplicationFactor = 0 }, "p")
	create(func(t *kmsg.CreateTopicsRequestTopic) { t.ReplicationFactor = 2 }, "p")
	create(assign([]int32{1, 1}), "p")
	create(assign([]int32{2}), "p")
	create(assign([]int32{}), "p")
	create(assign([]int32{1}, []int32{1}), "q")
	create(func(t *kmsg.CreateTopicsRequestTopic) { assign([]int32{1})(t); t.NumPartitions = 1 }, "r")
	create(func(t *kmsg.CreateTopicsRequestTopic) { assign([]int32{1})(t); t.ReplicationFactor = 1 }, "r")
	create(func(t *kmsg.CreateTopicsRequestTopic) { assign([]int32{1})(t); t.ReplicaAssignment[0].Partition = 5 }, "r")
	create(func(t *kmsg.CreateTopicsRequestTopic) {
		t.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}, {Name: "cleanup.policy"}}
	}, "r")
	out = append(out, interopPartitions()...)
	out = append(out, interopConfigs()...)
	out = append(out, interopAdmin()...)
	return append(out, interopDeletions()...)
}

func interopPartitions() []kmsg.Request {
	var out []kmsg.Request
	for _, tc := range []struct {
		topic  string
		count  int32
		assign [][]int32
	}{{"a", 1, nil}, {"a", 0, nil}, {"q", 1, nil}, {"nope", 3, nil}, {"a", 3, [][]int32{{1}}}, {"a", 2, [][]int32{{7}}}, {"a", 3, [][]int32{{1}, {1}}}, {"a", 4, nil}} {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.TimeoutMillis = 10_000
		row := kmsg.CreatePartitionsRequestTopic{Topic: tc.topic, Count: tc.count}
		for _, replicas := range tc.assign {
			row.Assignment = append(row.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: replicas})
		}
		req.Topics = append(req.Topics, row)
		out = append(out, req)
	}
	return out
}

func interopConfigs() []kmsg.Request {
	var out []kmsg.Request
	for _, tc := range []struct {
		typ   kmsg.ConfigResourceType
		name  string
		op    kmsg.IncrementalAlterConfigOp
		key   string
		value string
	}{
		{2, "a", 0, "retention.ms", "1000"},
		{2, "a", 2, "retention.ms", "1000"},
		{2, "a", 3, "retention.ms", "1000"},
		{2, "a", 2, "cleanup.policy", "compact"},
		{2, "nope", 0, "retention.ms", "1000"},
		{2, "", 0, "retention.ms", "1000"},
		{2, "bad/name", 0, "retention.ms", "1000"},
		{32, "", 0, "consumer.session.timeout.ms", "50000"},
		{4, "", 1, "min.insync.replicas", ""},
		{4, "", 0, "min.insync.replicas", "1"},
	} {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		cfg := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: tc.key, Op: tc.op}
		if tc.op != 1 {
			cfg.Value = new(tc.value)
		}
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: tc.typ, ResourceName: tc.name, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{cfg}}}
		out = append(out, req)
	}
	return out
}

func interopAdmin() []kmsg.Request {
	var out []kmsg.Request
	for kind := range int8(2) {
		req := kmsg.NewPtrElectLeadersRequest()
		req.ElectionType, req.TimeoutMillis = kind, 10_000
		req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "a", Partitions: []int32{0, 99}}, {Topic: "nope", Partitions: []int32{0}}}
		out = append(out, req)
	}
	for _, tc := range []struct {
		topic string
		id    int32
		to    []int32
	}{{"a", 0, []int32{1}}, {"a", 0, []int32{2}}, {"a", 0, []int32{1, 1}}, {"a", 0, []int32{}}, {"a", 0, nil}, {"a", 50, []int32{1}}, {"nope", 0, []int32{1}}} {
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		req.TimeoutMillis = 10_000
		req.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: tc.topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: tc.id, Replicas: tc.to}}}}
		out = append(out, req)
	}
	for _, tc := range []struct {
		name  string
		level int16
		kind  int8
	}{
		{"metadata.version", 30, 1},
		{"metadata.version", 29, 1},
		{"metadata.version", 29, 2},
		{"metadata.version", 29, 3},
		{"metadata.version", 31, 1},
		{"metadata.version", 6, 2},
		{"no.such.feature", 1, 1},
		{"group.version", 2, 1},
		{"group.version", 0, 1},
		{"group.version", 1, 2},
		{"share.version", -1, 1},
		{"group.version", 1, 0},
	} {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		req.TimeoutMillis = 10_000
		req.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{{Feature: tc.name, MaxVersionLevel: tc.level, UpgradeType: tc.kind}}
		out = append(out, req)
	}
	unregister := kmsg.NewPtrUnregisterBrokerRequest()
	unregister.BrokerID = 77
	scram := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	scram.Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "nobody", Mechanism: 1}, {Name: "", Mechanism: 1}, {Name: "odd", Mechanism: 9}}
	scram.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{
		{Name: "few", Mechanism: 1, Iterations: 10}, {Name: "many", Mechanism: 2, Iterations: 20_000}, {Name: "good", Mechanism: 1, Iterations: 4096, Salt: []byte("s"), SaltedPassword: []byte("p")},
	}
	describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	describe.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{{Name: "good"}, {Name: "nobody"}, {Name: "x"}, {Name: "x"}}
	out = append(out, unregister, scram, describe)
	return append(out, interopQuotas()...)
}

func interopQuotas() []kmsg.Request {
	var out []kmsg.Request
	bob, empty, address := "bob", "", "10.0.0.1"
	for _, tc := range []struct {
		entity []kmsg.AlterClientQuotasRequestEntryEntity
		key    string
		value  float64
	}{
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &bob}}, "producer_byte_rate", 1000},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &bob}}, "producer_byte_rate", 1000.5},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &bob}}, "producer_byte_rate", -1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &bob}}, "nope", 1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &empty}}, "producer_byte_rate", 1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "group", Name: &bob}}, "producer_byte_rate", 1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{}, "producer_byte_rate", 1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "ip", Name: &address}, {Type: "user", Name: &bob}}, "producer_byte_rate", 1},
		{[]kmsg.AlterClientQuotasRequestEntryEntity{{Type: "ip", Name: &address}}, "connection_creation_rate", 3e9},
	} {
		req := kmsg.NewPtrAlterClientQuotasRequest()
		req.Entries = []kmsg.AlterClientQuotasRequestEntry{{Entity: tc.entity, Ops: []kmsg.AlterClientQuotasRequestEntryOp{{Key: tc.key, Value: tc.value}}}}
		out = append(out, req)
	}
	for _, comp := range []kmsg.DescribeClientQuotasRequestComponent{
		{EntityType: "user", MatchType: 0},
		{EntityType: "user", MatchType: 1, Match: &bob},
		{EntityType: "user", MatchType: 2, Match: &bob},
		{EntityType: "", MatchType: 2},
		{EntityType: "group", MatchType: 2},
	} {
		req := kmsg.NewPtrDescribeClientQuotasRequest()
		req.Components = []kmsg.DescribeClientQuotasRequestComponent{comp}
		out = append(out, req)
	}
	return out
}

func interopDeletions() []kmsg.Request {
	var out []kmsg.Request
	name := func(s string) kmsg.DeleteTopicsRequestTopic { return kmsg.DeleteTopicsRequestTopic{Topic: &s} }
	id := kmsg.DeleteTopicsRequestTopic{TopicID: [16]byte{0: 5, 15: 9}}
	both := name("a")
	both.TopicID = id.TopicID
	for _, rows := range [][]kmsg.DeleteTopicsRequestTopic{
		{name("nope")}, {name("q"), name("q")}, {id}, {id, id}, {{}}, {both}, {name("q")}, {name("q")},
	} {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TimeoutMillis, req.Topics = 10_000, rows
		out = append(out, req)
	}
	return out
}

// rowsOf prints the parts of a response that say how it went, in an order that doesn't depend on Java's hash maps.
func rowsOf(resp kmsg.Response) string {
	var rows []string
	add := func(name any, code int16, message *string, more ...any) {
		text := "null"
		if message != nil {
			text = *message
		}
		rows = append(rows, fmt.Sprint(append([]any{name, ": ", code, " ", text, " "}, more...)...))
	}
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			add(t.Topic, t.ErrorCode, t.ErrorMessage, t.NumPartitions, " ", t.ReplicationFactor)
		}
	case *kmsg.CreatePartitionsResponse:
		for _, t := range r.Topics {
			add(t.Topic, t.ErrorCode, t.ErrorMessage)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, t := range r.Topics {
			topic := "null"
			if t.Topic != nil {
				topic = *t.Topic
			}
			add(topic, t.ErrorCode, t.ErrorMessage, t.TopicID != [16]byte{})
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, res := range r.Resources {
			add(res.ResourceName, res.ErrorCode, res.ErrorMessage)
		}
	case *kmsg.ElectLeadersResponse:
		add("all", r.ErrorCode, nil)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(fmt.Sprint(t.Topic, "-", p.Partition), p.ErrorCode, p.ErrorMessage)
			}
		}
	case *kmsg.AlterPartitionAssignmentsResponse:
		add("all", r.ErrorCode, r.ErrorMessage)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(fmt.Sprint(t.Topic, "-", p.Partition), p.ErrorCode, p.ErrorMessage)
			}
		}
	case *kmsg.UpdateFeaturesResponse:
		add("all", r.ErrorCode, r.ErrorMessage)
	case *kmsg.UnregisterBrokerResponse:
		add("all", r.ErrorCode, r.ErrorMessage)
	case *kmsg.AlterUserSCRAMCredentialsResponse:
		for _, u := range r.Results {
			add(u.User, u.ErrorCode, u.ErrorMessage)
		}
	case *kmsg.DescribeUserSCRAMCredentialsResponse:
		for _, u := range r.Results {
			add(u.User, u.ErrorCode, u.ErrorMessage, len(u.CredentialInfos))
		}
	case *kmsg.AlterClientQuotasResponse:
		for _, e := range r.Entries {
			add(len(e.Entity), e.ErrorCode, e.ErrorMessage)
		}
	case *kmsg.DescribeClientQuotasResponse:
		add("all", r.ErrorCode, r.ErrorMessage)
	default:
		return fmt.Sprintf("no rows are known of a %T", resp)
	}
	slices.Sort(rows)
	return strings.Join(rows, " | ")
}
