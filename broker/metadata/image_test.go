package metadata

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

func topicID(n int) ident.TopicID { return ident.TopicID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

func partitionRecord(topic, id int, replicas ...int32) *record.PartitionRecord {
	r := record.NewPartitionRecord()
	r.TopicId, r.PartitionId, r.Replicas, r.Isr, r.Leader = topicID(topic), int32(id), replicas, replicas, replicas[0]
	r.LeaderEpoch, r.PartitionEpoch = 0, 0
	for range replicas {
		r.Directories = append(r.Directories, ident.UUID{0: 9})
	}
	return r
}

func configRecord(typ ConfigResourceType, name, key string, value *string) *record.ConfigRecord {
	return &record.ConfigRecord{ResourceType: int8(typ), ResourceName: name, Name: key, Value: value}
}

// sample has something of everything that an image can hold.
func sample() []record.Message {
	rack, user := "r1", "bob"
	broker := record.NewRegisterBrokerRecord()
	broker.BrokerId, broker.BrokerEpoch, broker.IncarnationId, broker.Rack = 1, 5, ident.UUID{0: 3}, &rack
	broker.LogDirs, broker.CordonedLogDirs = []ident.UUID{{0: 9}, {0: 8}}, []ident.UUID{{0: 8}}
	broker.EndPoints = []record.RegisterBrokerRecordBrokerEndpoint{{Name: "PLAINTEXT", Host: "h", Port: 9092}}
	broker.Features = []record.RegisterBrokerRecordBrokerFeature{{Name: FeatureMetadataVersion, MinSupportedVersion: 7, MaxSupportedVersion: 30}}
	change := record.NewPartitionChangeRecord()
	change.TopicId, change.PartitionId, change.Isr, change.EligibleLeaderReplicas, change.LastKnownElr = topicID(1), 1, []int32{2}, []int32{1}, []int32{3}
	change.Leader, change.LeaderRecoveryState = 2, 1
	return []record.Message{
		&record.FeatureLevelRecord{Name: FeatureMetadataVersion, FeatureLevel: 30},
		&record.FeatureLevelRecord{Name: FeatureElr, FeatureLevel: 1},
		broker,
		&record.RegisterControllerRecord{ControllerId: 7, IncarnationId: ident.UUID{0: 4}, EndPoints: []record.RegisterControllerRecordControllerEndpoint{{Name: "CONTROLLER", Host: "h", Port: 9093}}},
		&record.TopicRecord{Name: "a", TopicId: topicID(1)},
		partitionRecord(1, 0, 1, 2, 3), partitionRecord(1, 1, 2, 1, 3), change,
		&record.TopicRecord{Name: "b", TopicId: topicID(2)},
		partitionRecord(2, 0, 1),
		configRecord(ConfigTopic, "a", "retention.ms", new("5")),
		configRecord(ConfigBroker, "", "min.insync.replicas", new("1")),
		configRecord(ConfigGroup, "g", "x", new("y")),
		&record.ClientQuotaRecord{Entity: []record.ClientQuotaRecordEntityData{{EntityType: "user", EntityName: &user}, {EntityType: "client-id"}}, Key: "producer_byte_rate", Value: 10},
		&record.ProducerIdsRecord{BrokerId: 1, BrokerEpoch: 5, NextProducerId: 1000},
		&record.AccessControlEntryRecord{Id: ident.UUID{0: 5}, ResourceType: 2, ResourceName: "a", PatternType: 3, Principal: "User:bob", Host: "*", Operation: 3, PermissionType: 3},
		&record.UserScramCredentialRecord{Name: "bob", Mechanism: 1, Salt: []byte{1}, StoredKey: []byte{2}, ServerKey: []byte{3}, Iterations: 4096},
		&record.DelegationTokenRecord{TokenId: "t", Owner: "User:bob", Requester: "User:bob", Renewers: []string{"User:al"}, MaxTimestamp: 9},
	}
}

func build(t testing.TB, base *Image, messages ...record.Message) (*Image, *Delta) {
	t.Helper()
	b := NewBuilder(base)
	for _, m := range messages {
		if err := b.Replay(m); err != nil {
			t.Fatal(err)
		}
	}
	end := base.Provenance
	end.LastOffset += int64(len(messages))
	return b.Build(end)
}

func encode(t testing.TB, messages ...record.Message) [][]byte {
	t.Helper()
	var out [][]byte
	for _, m := range messages {
		_, highest := m.VersionRange()
		raw, err := record.AppendMetadata(nil, m, highest)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

func TestSnapshotRestoresEverything(t *testing.T) {
	image, _ := build(t, NewImage("c"), sample()...)
	var snapshot [][]byte
	var kinds []string
	if err := image.WriteSnapshot(func(m record.Message, version int16) error {
		raw, err := record.AppendMetadata(nil, m, version)
		snapshot = append(snapshot, raw)
		kinds = append(kinds, fmt.Sprintf("%T/%d", m, version))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	wantKinds := []string{
		"*record.FeatureLevelRecord/0", "*record.FeatureLevelRecord/0", "*record.RegisterBrokerRecord/4", "*record.RegisterControllerRecord/0",
		"*record.TopicRecord/0", "*record.PartitionRecord/2", "*record.PartitionRecord/2", "*record.TopicRecord/0", "*record.PartitionRecord/2",
		"*record.ConfigRecord/0", "*record.ConfigRecord/0", "*record.ConfigRecord/0", "*record.ClientQuotaRecord/0", "*record.ProducerIdsRecord/0",
		"*record.AccessControlEntryRecord/0", "*record.UserScramCredentialRecord/0", "*record.DelegationTokenRecord/0",
	}
	if !slices.Equal(kinds, wantKinds) {
		t.Errorf("snapshot holds %v, want %v", kinds, wantKinds)
	}
	store := NewStore("c")
	var seen *Delta
	store.Subscribe(PublisherFunc(func(d *Delta, _ *Image) { seen = d }))
	if err := store.Restore(image.Provenance, func() ([]byte, error) {
		if len(snapshot) == 0 {
			return nil, nil
		}
		raw := snapshot[0]
		snapshot = snapshot[1:]
		return raw, nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := Diff(image, store.Current()); !d.Empty() {
		t.Fatalf("the restored image differs: %+v", d)
	}
	if !seen.Snapshot || len(seen.ChangedTopics) != 2 || len(seen.ChangedBrokers) != 1 || !seen.ChangedACLs || !seen.ChangedProducerIDs {
		t.Errorf("publishers were told %+v", seen)
	}
	if got := store.Current().PartitionCount(); got != 3 {
		t.Errorf("%d partitions, want 3", got)
	}
}

func TestChangesLeaveOldImagesAlone(t *testing.T) {
	image, _ := build(t, NewImage("c"), sample()...)
	before := image.Partition("a", 0)
	change := record.NewPartitionChangeRecord()
	change.TopicId, change.PartitionId, change.Isr = topicID(1), 0, []int32{1}
	next, delta := build(t, image, change, configRecord(ConfigTopic, "a", "retention.ms", nil), configRecord(ConfigTopic, "b", "retention.ms", new("1")))
	if image.Partition("a", 0) != before || len(before.Isr) != 3 {
		t.Error("the old image changed")
	}
	if p := next.Partition("a", 0); !slices.Equal(p.Isr, []ident.BrokerID{1}) || p.PartitionEpoch != 1 || p.LeaderEpoch != 0 {
		t.Errorf("the new partition is %+v", p)
	}
	if next.Topic("b") != image.Topic("b") || next.Partition("a", 1) != image.Partition("a", 1) {
		t.Error("what did not change was copied")
	}
	if len(delta.ChangedTopics) != 1 || !slices.Equal(delta.ChangedTopics[0].Partitions, []int32{0}) || delta.ChangedTopics[0].Old != image.Topic("a") {
		t.Errorf("topics in the delta: %+v", delta.ChangedTopics)
	}
	if want := []ConfigResource{{ConfigTopic, "a"}, {ConfigTopic, "b"}}; !slices.Equal(delta.ChangedConfigs, want) {
		t.Errorf("configs in the delta: %v", delta.ChangedConfigs)
	}
	if next.Config(ConfigTopic, "a") != nil || image.Config(ConfigTopic, "a")["retention.ms"] != "5" {
		t.Error("an empty config should be gone, and the old one as it was")
	}
}

func TestTopicDeletedAndCreatedAgainInOneBatch(t *testing.T) {
	image, _ := build(t, NewImage("c"), sample()...)
	next, delta := build(t, image,
		&record.RemoveTopicRecord{TopicId: topicID(1)}, &record.TopicRecord{Name: "a", TopicId: topicID(3)}, partitionRecord(3, 0, 2))
	if got := next.Topic("a"); got.ID != topicID(3) || next.TopicByID(topicID(1)) != nil || next.PartitionCount() != 2 {
		t.Errorf("topic a is %+v, %d partitions in all", got, next.PartitionCount())
	}
	if next.Config(ConfigTopic, "a") != nil {
		t.Error("the new topic has the config of the old one")
	}
	if len(delta.DeletedTopics) != 1 || delta.DeletedTopics[0].ID != topicID(1) || len(delta.ChangedTopics) != 1 || delta.ChangedTopics[0].Old != nil {
		t.Errorf("delta: %+v", delta)
	}
}

func TestReplayRefusesWhatDoesNotFit(t *testing.T) {
	image, _ := build(t, NewImage("c"), sample()...)
	for _, m := range []record.Message{
		&record.TopicRecord{Name: "a", TopicId: topicID(9)},
		&record.TopicRecord{Name: "z", TopicId: topicID(1)},
		partitionRecord(9, 0, 1), partitionRecord(1, 7, 1),
		&record.RemoveTopicRecord{TopicId: topicID(9)},
		&record.PartitionChangeRecord{TopicId: topicID(1), PartitionId: 9},
		&record.BrokerRegistrationChangeRecord{BrokerId: 1, BrokerEpoch: 4},
		&record.UnregisterBrokerRecord{BrokerId: 2},
		&record.ClearElrRecord{TopicName: "nope"},
		&record.SnapshotFooterRecord{},
	} {
		if err := NewBuilder(image).Replay(m); !errors.Is(err, ErrReplay) {
			t.Errorf("%T: %v, want ErrReplay", m, err)
		}
	}
}

func TestTransactionsBecomeVisibleAtTheirEnd(t *testing.T) {
	store := NewStore("c")
	published := 0
	store.Subscribe(PublisherFunc(func(*Delta, *Image) { published++ }))
	feature := func(level int16) record.Message { return &record.FeatureLevelRecord{Name: "f", FeatureLevel: level} }
	apply := func(base int64, messages ...record.Message) {
		t.Helper()
		if err := store.Apply(base, 1, 0, encode(t, messages...)); err != nil {
			t.Fatal(err)
		}
	}
	apply(0, feature(1), record.NewBeginTransactionRecord(), feature(2))
	if got := store.Current(); got.FeatureLevel("f") != 1 || got.Provenance.LastOffset != 0 || !store.InTransaction() {
		t.Errorf("inside the transaction: level %d at offset %d", got.FeatureLevel("f"), got.Provenance.LastOffset)
	}
	apply(3, feature(3))
	apply(4, record.NewEndTransactionRecord())
	if got := store.Current(); got.FeatureLevel("f") != 3 || got.Provenance.LastOffset != 4 || published != 2 {
		t.Errorf("after the transaction: level %d at offset %d, %d images published", got.FeatureLevel("f"), got.Provenance.LastOffset, published)
	}
	apply(5, record.NewBeginTransactionRecord(), feature(9))
	apply(7, record.NewAbortTransactionRecord())
	if got := store.Current(); got.FeatureLevel("f") != 3 || got.Provenance.LastOffset != 7 || store.InTransaction() {
		t.Errorf("after an abort: level %d at offset %d", got.FeatureLevel("f"), got.Provenance.LastOffset)
	}
	if err := store.Apply(8, 1, 0, encode(t, record.NewEndTransactionRecord())); err == nil {
		t.Error("the end of no transaction was accepted")
	}
	if err := store.Apply(8, 1, 0, [][]byte{{1, 99, 0}}); !errors.Is(err, record.ErrUnknownType) {
		t.Errorf("an unknown record type gave %v", err)
	}
}

func TestLateSubscriberGetsTheWholeImage(t *testing.T) {
	store := NewStore("c")
	if err := store.ApplyMessages(0, 1, 0, sample()); err != nil {
		t.Fatal(err)
	}
	var got *Delta
	store.Subscribe(PublisherFunc(func(d *Delta, im *Image) {
		got = d
		if im != store.Current() {
			t.Error("told of another image than the current one")
		}
	}))
	if got == nil || len(got.ChangedTopics) != 2 || len(got.ChangedTopics[0].Partitions) != 2 || len(got.ChangedConfigs) != 3 {
		t.Errorf("the subscriber was told %+v", got)
	}
}

func TestDiffEqualsBuiltDelta(t *testing.T) {
	a, _ := build(t, NewImage("c"), sample()...)
	change := record.NewPartitionChangeRecord()
	change.TopicId, change.PartitionId, change.Leader = topicID(1), 0, 2
	b, built := build(t, a, change, &record.RemoveTopicRecord{TopicId: topicID(2)}, &record.UnregisterBrokerRecord{BrokerId: 1, BrokerEpoch: 5},
		&record.RemoveUserScramCredentialRecord{Name: "bob", Mechanism: 1}, &record.FeatureLevelRecord{Name: FeatureElr})
	found := Diff(a, b)
	found.Snapshot = false
	if !reflect.DeepEqual(found, built) {
		t.Errorf("found by comparing: %+v\nmade by replay: %+v", found, built)
	}
}

func TestMetadataVersionNames(t *testing.T) {
	for _, tc := range []struct {
		name string
		want MetadataVersion
	}{{"4.3-IV0", 30}, {"4.3", 30}, {"4.2", 29}, {"3.3-IV3", 7}, {"3.9-IV0", 21}} {
		if got, ok := ParseMetadataVersion(tc.name); !ok || got != tc.want {
			t.Errorf("%s is %d, %t; want %d", tc.name, got, ok, tc.want)
		}
	}
	if _, ok := ParseMetadataVersion("4.4-IV0"); ok {
		t.Error("a version of the future was accepted")
	}
	if got := LatestMetadataVersion.String(); got != "4.3-IV0" {
		t.Errorf("the latest is %s", got)
	}
}

func TestReadsAllocateNothing(t *testing.T) {
	store := NewStore("c")
	if err := store.ApplyMessages(0, 1, 0, sample()); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		im := store.Current()
		if im.Topic("a") == nil || im.TopicByID(topicID(2)) == nil || im.Partition("a", 1) == nil || im.Broker(1) == nil || im.Config(ConfigTopic, "a") == nil {
			t.Fatal("something is missing")
		}
	}); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}

func bigImage(b *testing.B) *Image {
	builder := NewBuilder(NewImage("c"))
	for i := range 10_000 {
		if err := builder.Replay(&record.TopicRecord{Name: fmt.Sprintf("topic-%05d", i), TopicId: topicID(i)}); err != nil {
			b.Fatal(err)
		}
		for p := range 20 {
			if err := builder.Replay(partitionRecord(i, p, 1, 2, 3)); err != nil {
				b.Fatal(err)
			}
		}
	}
	image, _ := builder.Build(Provenance{LastOffset: 210_000})
	return image
}

func BenchmarkChangeOnePartitionOf200000(b *testing.B) {
	image := bigImage(b)
	b.ReportAllocs()
	for b.Loop() {
		change := record.NewPartitionChangeRecord()
		change.TopicId, change.PartitionId, change.Isr = topicID(77), 3, []int32{1}
		image, _ = build(b, image, change)
	}
}

func BenchmarkTopicByName(b *testing.B) {
	image := bigImage(b)
	b.ReportAllocs()
	for b.Loop() {
		if image.Partition("topic-04711", 3) == nil {
			b.Fatal("missing")
		}
	}
}

func BenchmarkWriteSnapshotOf200000Partitions(b *testing.B) {
	image := bigImage(b)
	b.ReportAllocs()
	for b.Loop() {
		var buf []byte
		if err := image.WriteSnapshot(func(m record.Message, version int16) (err error) {
			buf, err = record.AppendMetadata(buf[:0], m, version)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
