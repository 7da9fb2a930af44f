package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
)

// allMessages is one empty message of each type.
func allMessages() []Message {
	var all []Message
	for key := range int16(64) {
		for _, make := range []func(int16) Message{newMetadata, newGroupKey, newGroupValue, newTxnKey, newTxnValue, newShareKey, newShareValue} {
			if m := make(key); m != nil {
				all = append(all, m)
			}
		}
	}
	return append(all, NewConsumerProtocolAssignment(), NewConsumerProtocolSubscription(), NewControlRecordTypeSchema(), NewDefaultPrincipalData(),
		NewEndTxnMarker(), NewKRaftVersionRecord(), NewLeaderChangeMessage(), NewSnapshotFooterRecord(), NewSnapshotHeaderRecord(), NewVotersRecord(),
		NewQuorumStateData())
}

// fill gives every field of v a random value.
func fill(rnd *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "UnknownTags" {
				fill(rnd, v.Field(i))
			}
		}
		if tags := v.FieldByName("UnknownTags"); tags.IsValid() && rnd.IntN(4) == 0 {
			tags.Set(reflect.ValueOf([]UnknownTag{{100, []byte("later")}, {101, []byte{}}}))
		}
	case reflect.Pointer:
		if v.Set(reflect.Zero(v.Type())); rnd.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rnd, v.Elem())
		}
	case reflect.Slice:
		n := rnd.IntN(4)
		if n == 0 { // null where that is allowed, empty otherwise: the same to a reader of either
			v.Set(reflect.Zero(v.Type()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(rnd, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.String:
		v.SetString([]string{"", "a", "Grüße", "\"quoted\"\n"}[rnd.IntN(4)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(int8(rnd.Uint32())))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(uint8(rnd.Uint32())))
	case reflect.Float64:
		v.SetFloat(rnd.NormFloat64())
	default:
		panic(v.Kind())
	}
}

// Kafka writes a null ClassicMemberMetadata as a tag: the default that the tag's absence means is an empty struct, which would make the
// member one of the classic protocol.
func TestNullStructInTagIsWritten(t *testing.T) {
	fromKafka, err := hex.DecodeString("00000369610002630b2f3132372e302e302e3102047369780100004e200001000100")
	if err != nil {
		t.Fatal(err)
	}
	m, version, err := Group.ReadValue(5, fromKafka)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.(*ConsumerGroupMemberMetadataValue).ClassicMemberMetadata; got != nil {
		t.Errorf("read %+v", got)
	}
	if again, err := AppendValue(nil, m, version); err != nil || !bytes.Equal(again, fromKafka) {
		t.Errorf("written back: %x, %v", again, err)
	}
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, m := range allMessages() {
		lowest, highest := m.VersionRange()
		for version := lowest; version <= highest; version++ {
			encoded := 0
			for try := range 40 {
				if m.(generated).setDefaults(); try > 0 {
					fill(rnd, reflect.ValueOf(m).Elem())
				}
				raw, err := m.AppendTo([]byte("kept"), version)
				if err != nil { // the version has no such field, or no null
					continue
				}
				encoded++
				back := reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message)
				rest, err := back.ReadFrom(append(raw[4:], "rest"...), version)
				if err != nil || string(rest) != "rest" {
					t.Fatalf("%s v%d: read %x: rest %q, error %v", m.MessageName(), version, raw, rest, err)
				}
				again, err := back.AppendTo([]byte("kept"), version)
				if err != nil || !bytes.Equal(raw, again) {
					t.Fatalf("%s v%d:\n%x became\n%x (%v)", m.MessageName(), version, raw, again, err)
				}
			}
			if encoded == 0 {
				t.Errorf("%s v%d: never encoded", m.MessageName(), version)
			}
		}
	}
}

func TestTruncatedMessagesAreRefused(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, m := range allMessages() {
		_, version := m.VersionRange()
		fill(rnd, reflect.ValueOf(m).Elem())
		raw, err := m.AppendTo(nil, version)
		if err != nil {
			continue
		}
		for n := range raw {
			if _, err := m.ReadFrom(raw[:n], version); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s v%d: %d of %d bytes: error %v", m.MessageName(), version, n, len(raw), err)
			}
		}
	}
}

func TestMetadataFrame(t *testing.T) {
	id := ident.UUID{15: 1}
	raw, err := AppendMetadata(nil, &TopicRecord{Name: "t", TopicId: id}, 0)
	want := append([]byte{1, 2, 0, 2, 't'}, append(id[:], 0)...)
	if err != nil || !bytes.Equal(raw, want) {
		t.Fatalf("got %x (%v), want %x", raw, err, want)
	}
	m, version, err := ReadMetadata(raw)
	if err != nil || version != 0 || m.(*TopicRecord).Name != "t" {
		t.Fatalf("read %+v version %d: %v", m, version, err)
	}
	if _, _, err := ReadMetadata(append(raw, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: error %v", err)
	}
	if _, _, err := ReadMetadata([]byte{1, 99, 0}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("api key 99: error %v", err)
	}
}

func TestFieldsUnknownToAVersionAreRefused(t *testing.T) {
	m := NewRegisterBrokerRecord()
	m.InControlledShutdown = true
	if _, err := m.AppendTo(nil, 0); err == nil {
		t.Error("version 0 dropped InControlledShutdown silently")
	}
	value := NewOffsetCommitValue()
	value.LeaderEpoch = 7 // ignorable: older versions leave it out
	if _, err := value.AppendTo(nil, 2); err != nil {
		t.Error(err)
	}
}

func TestJSONFollowsKafka(t *testing.T) {
	for _, c := range []struct {
		m       Message
		version int16
		want    string
	}{
		{
			&PartitionChangeRecord{PartitionId: 3, Isr: []int32{1, 2}, Leader: -2, LeaderRecoveryState: -1}, 0,
			`{"partitionId":3,"topicId":"AAAAAAAAAAAAAAAAAAAAAA","isr":[1,2]}`,
		},
		{
			&ClientQuotaRecord{Entity: []ClientQuotaRecordEntityData{{EntityType: "user"}}, Key: "producer_byte_rate", Value: 2e7}, 0,
			`{"entity":[{"entityType":"user","entityName":null}],"key":"producer_byte_rate","value":2.0E7,"remove":false}`,
		},
		{
			&UserScramCredentialRecord{Name: "a\"\u0001", Mechanism: 1, Salt: []byte{1, 2}, Iterations: 4096}, 0,
			`{"name":"a\"\u0001","mechanism":1,"salt":"AQI=","storedKey":"","serverKey":"","iterations":4096}`,
		},
	} {
		if got := string(c.m.AppendJSON(nil, c.version)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.m.MessageName(), got, c.want)
		}
	}
}

// FuzzDecode checks that no bytes panic a decoder, and that what decodes is stable: encoding it and decoding that gives the same message.
func FuzzDecode(f *testing.F) {
	all := allMessages()
	rnd := rand.New(rand.NewPCG(5, 6))
	for i, m := range all {
		_, version := m.VersionRange()
		fill(rnd, reflect.ValueOf(m).Elem())
		raw, _ := m.AppendTo(nil, version)
		f.Add(i, version, raw)
	}
	f.Fuzz(func(t *testing.T, i int, version int16, raw []byte) {
		if i < 0 || i >= len(all) {
			return
		}
		m := reflect.New(reflect.TypeOf(all[i]).Elem()).Interface().(Message)
		if _, err := m.ReadFrom(raw, version); err != nil {
			return
		}
		m.AppendJSON(nil, version)
		first, err := m.AppendTo(nil, version)
		if err != nil {
			return // a string longer than Kafka writes
		}
		back := reflect.New(reflect.TypeOf(all[i]).Elem()).Interface().(Message)
		if rest, err := back.ReadFrom(first, version); err != nil || len(rest) > 0 {
			t.Fatalf("%s v%d: own bytes %x: %v", m.MessageName(), version, first, err)
		}
		second, err := back.AppendTo(nil, version)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s v%d: %x became %x (%v)", m.MessageName(), version, first, second, err)
		}
	})
}
