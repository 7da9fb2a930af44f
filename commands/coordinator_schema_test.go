package commands

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func coordinatorJSON(t *testing.T, class string, key, value []byte) string {
	t.Helper()
	f, err := newFormatter("org.apache.kafka.tools.consumer."+class, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.write(&b, &kgo.Record{Key: key, Value: value, Offset: 7}); err != nil {
		return err.Error()
	}
	return b.String()
}

func TestCoordinatorRecordsArePrintedAsTheOriginalDoes(t *testing.T) {
	offsetKey := (&kmsg.OffsetCommitKey{Version: 1, Group: "g", Topic: "t", Partition: 2}).AppendTo(nil)
	offset := (&kmsg.OffsetCommitValue{Version: 3, Offset: 9, LeaderEpoch: 4, Metadata: "m", CommitTimestamp: 5}).AppendTo(nil)
	groupKey := (&kmsg.GroupMetadataKey{Version: 2, Group: "g"}).AppendTo(nil)
	group := (&kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 1, CurrentStateTimestamp: 8, Members: []kmsg.GroupMetadataValueMember{{
		MemberID: "m", ClientID: "c", ClientHost: "/h", RebalanceTimeoutMillis: 1, SessionTimeoutMillis: 2, Subscription: []byte{0xff, 0xfe}, Assignment: []byte{},
	}}}).AppendTo(nil)
	// Version 4 of an offset, with the topic's id in tag 0 and an unknown tag.
	newer := append([]byte{0, 4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 4, 2, 'm', 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 16}, append(bytes.Repeat([]byte{0xab}, 16), 9, 1, 0)...)
	const offsetStart = `{"key":{"type":1,"data":{"group":"g","topic":"t","partition":2}},"value":`
	for _, c := range []struct {
		class, want string
		key, value  []byte
	}{
		{"OffsetsMessageFormatter", offsetStart + `{"version":3,"data":{"offset":9,"leaderEpoch":4,"metadata":"m","commitTimestamp":5}}}`, offsetKey, offset},
		{"OffsetsMessageFormatter", offsetStart + `{"version":4,"data":{"offset":9,"leaderEpoch":4,"metadata":"m","commitTimestamp":5,"topicId":"q6urq6urq6urq6urq6urqw"}}}`, offsetKey, newer},
		{"OffsetsMessageFormatter", offsetStart + `null}`, offsetKey, nil},
		{"OffsetsMessageFormatter", "", groupKey, group},
		{"OffsetsMessageFormatter", "", nil, offset},
		{"OffsetsMessageFormatter", "Could not read record at offset 7 due to: the record is shorter than its fields", offsetKey, offset[:9]},
		{"OffsetsMessageFormatter", "Could not read record at offset 7 due to: version 9 of the value is not known: versions 0 to 4 are", offsetKey, []byte{0, 9}},
		{"GroupMetadataMessageFormatter", `{"key":{"type":2,"data":{"group":"g"}},"value":{"version":3,"data":{"protocolType":"consumer","generation":1,"protocol":null,"leader":null,` +
			`"currentStateTimestamp":8,"members":[{"memberId":"m","groupInstanceId":null,"clientId":"c","clientHost":"/h","rebalanceTimeout":1,"sessionTimeout":2,` +
			`"subscription":"//4=","assignment":""}]}}}`, groupKey, group},
	} {
		if got := coordinatorJSON(t, c.class, c.key, c.value); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.class, got, c.want)
		}
	}
}

func FuzzCoordinatorRecord(f *testing.F) {
	f.Add((&kmsg.OffsetCommitKey{Version: 1, Group: "g", Topic: "t"}).AppendTo(nil), (&kmsg.OffsetCommitValue{Version: 3, Metadata: "m"}).AppendTo(nil))
	f.Add((&kmsg.GroupMetadataKey{Version: 2, Group: "g"}).AppendTo(nil), (&kmsg.GroupMetadataValue{Version: 3, Members: make([]kmsg.GroupMetadataValueMember, 2)}).AppendTo(nil))
	f.Add([]byte{0, 0, 0, 1, 't'}, []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1, 2, 0, 2, 't', 2, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, schemas := range coordinatorFormatters {
			for _, s := range schemas {
				out, err := s.json(nil, key, value)
				if err == nil && !json.Valid(out) {
					t.Errorf("not JSON: %s", out)
				}
				if len(out) > 100*(len(key)+len(value))+1000 {
					t.Errorf("%d bytes from %d", len(out), len(key)+len(value))
				}
			}
		}
	})
}
