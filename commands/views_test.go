package commands

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/commands/client"
)

func TestTopicIsPrintedAsTheOriginalDoes(t *testing.T) {
	topics := []topicView{{
		Topic: "mv", TopicID: "RU3tG3LdRXuTepjmacU5wQ", PartitionCount: 2, ReplicationFactor: 1,
		Configs: []configSetting{{"min.insync.replicas", "1"}, {"retention.ms", "1000"}},
		Partitions: []partitionView{
			{Partition: 0, Leader: 3, Replicas: []int32{1, 2, 3}, Isr: []int32{3}, Elr: []int32{}, LastKnownElr: []int32{}, Adding: []int32{1, 2}, Removing: []int32{3}, moving: true},
			{Partition: 1, Leader: -1, Replicas: []int32{2, 3}, Isr: []int32{}},
		},
	}}
	var b bytes.Buffer
	(&topicsOptions{}).print(&b, topics)
	want := "Topic: mv\tTopicId: RU3tG3LdRXuTepjmacU5wQ\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: min.insync.replicas=1,retention.ms=1000\n" +
		"\tTopic: mv\tPartition: 0\tLeader: 3\tReplicas: 1,2,3\tIsr: 3\tAdding Replicas: 1,2\tRemoving Replicas: 3\tElr: \tLastKnownElr: \n" +
		"\tTopic: mv\tPartition: 1\tLeader: none\tReplicas: 2,3\tIsr: \tElr: N/A\tLastKnownElr: N/A\n"
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestPartitionFiltersOfDescribe(t *testing.T) {
	topic := topicView{Topic: "t", minIsr: 2, Partitions: []partitionView{
		{Partition: 0, Leader: 1, Replicas: []int32{1, 2, 3}, Isr: []int32{1, 2, 3}, alive: true},
		{Partition: 1, Leader: 1, Replicas: []int32{1, 2, 3}, Isr: []int32{1, 2}, alive: true},
		{Partition: 2, Leader: -1, Replicas: []int32{1, 2, 3}, Isr: []int32{1}},
	}}
	for want, o := range map[string]*topicsOptions{
		"1,2": {UnderReplicated: true}, "2": {Unavailable: true}, "2 ": {UnderMin: true}, "1": {AtMin: true}, "0,1,2": {},
	} {
		copied := topic
		copied.Partitions = append([]partitionView{}, topic.Partitions...)
		var got []int32
		for _, v := range o.selected([]topicView{copied}) {
			for _, p := range v.Partitions {
				got = append(got, p.Partition)
			}
		}
		if commaList(got) != strings.TrimSpace(want) {
			t.Errorf("%+v: %v", o, got)
		}
	}
}

//go:fix inline

func TestGroupIsPrintedAsTheOriginalDoes(t *testing.T) {
	id := "inst-1-0f14d0ab-9605-4a62-a9e4-5ed26688389b"
	g := &groupView{
		Group: "static", Type: "classic", State: "Stable", AssignmentStrategy: "range", coordinatorView: coordinatorView{1, "127.0.0.1:9092"},
		Members: []groupMemberView{{MemberID: id, InstanceID: new("inst-1"), Host: "/127.0.0.1", ClientID: "console-consumer", Assignment: []topicPartitionsView{{"empty", []int32{0, 1}}}}},
		Offsets: []groupOffsetView{
			{Topic: "empty", Partition: 0, CurrentOffset: new(int64(2)), LogEndOffset: new(int64(5)), Lag: new(int64(3)), MemberID: &id, Host: new("/127.0.0.1"), ClientID: new("console-consumer")},
			{Topic: "empty", Partition: 1, LogEndOffset: new(int64(0))},
		},
	}
	for view, want := range map[string]string{
		"offsets": `
GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID                                 HOST            CLIENT-ID
static          empty           0          2               5               3               inst-1-0f14d0ab-9605-4a62-a9e4-5ed26688389b /127.0.0.1      console-consumer
static          empty           1          -               0               -               -                                           -               -
`,
		"members": `
GROUP           CONSUMER-ID                                 GROUP-INSTANCE-ID HOST            CLIENT-ID        #PARTITIONS     
static          inst-1-0f14d0ab-9605-4a62-a9e4-5ed26688389b inst-1            /127.0.0.1      console-consumer 2               
`,
		"state": `
GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS
static          127.0.0.1:9092  (1)       range                Stable               1
`,
	} {
		streams, _, _ := TestIO("")
		var b bytes.Buffer
		(&consumerGroupsOptions{groupTool: groupTool{offsetReset: offsetReset{IO: streams}, View: view}}).printGroup(&b, g)
		if b.String() != want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", view, b.String(), want)
		}
	}
}

func TestJavaHashOrderIsThatOfHashMap(t *testing.T) {
	// As Apache Kafka prints the settings of a topic with these three of its 33 keys set.
	keys := []string{"min.insync.replicas", "flush.ms", "retention.ms"}
	for len(keys) < 33 {
		keys = append(keys, strings.Repeat("x", len(keys)))
	}
	var got []string
	for _, k := range javaHashOrder(keys) {
		if !strings.HasPrefix(k, "x") {
			got = append(got, k)
		}
	}
	if want := "min.insync.replicas,flush.ms,retention.ms"; strings.Join(got, ",") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestJavaDouble(t *testing.T) {
	for v, want := range map[float64]string{1024: "1024.0", 1e8: "1.0E8", 0.0001: "1.0E-4", 3.5: "3.5", 0: "0.0", 12345678: "1.2345678E7", 9999999: "9999999.0"} {
		if got := javaDouble(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestTimesAndDurations(t *testing.T) {
	for text, want := range map[string]int64{"2020-01-01T00:00:00.000": 1577836800000, "2020-01-01T01:00:00.000+01:00": 1577836800000, "2020-01-01T00:00:00.500Z": 1577836800500} {
		if got, err := parseDateTime(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]float64{"PT1H": 3600, "P1DT2H3M4.5S": 93784.5, "-PT1M": -60, "PT-1M": -60} {
		if got, err := client.ParseDuration(text); err != nil || got.Seconds() != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"1h", "", "P", "PT", "P1DT"} {
		if _, err := client.ParseDuration(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestOutputFormats(t *testing.T) {
	view := []configSetting{{"a", "1"}, {"b", "x: y"}}
	for out, want := range map[format]string{
		formatJSON: "[\n  {\n    \"name\": \"a\",\n    \"value\": \"1\"\n  },\n  {\n    \"name\": \"b\",\n    \"value\": \"x: y\"\n  }\n]\n",
		formatYAML: "- name: a\n  value: \"1\"\n- name: b\n  value: 'x: y'\n",
	} {
		var b bytes.Buffer
		if err := out.write(&b, view, nil); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%s", out, err, b.String())
		}
	}
}
