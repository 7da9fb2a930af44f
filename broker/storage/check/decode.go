package check

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/record"
)

// Decoder turns a record's key and value into what Dump prints for them; nil prints nothing.
type Decoder func(r *batch.Record) (key, value *string, err error)

// BytesDecoder turns bytes into text, as the classes for --key-decoder-class and --value-decoder-class do.
type BytesDecoder func(b []byte) (string, error)

// BytesDecoders are Kafka's decoder classes by name.
var BytesDecoders = map[string]BytesDecoder{
	"org.apache.kafka.tools.api.StringDecoder":  func(b []byte) (string, error) { return javaString(b), nil },
	"org.apache.kafka.tools.api.DefaultDecoder": func(b []byte) (string, error) { return base64.StdEncoding.EncodeToString(b), nil },
	"org.apache.kafka.tools.api.IntegerDecoder": func(b []byte) (string, error) { return decodeInteger(b, 4) },
	"org.apache.kafka.tools.api.LongDecoder":    func(b []byte) (string, error) { return decodeInteger(b, 8) },
}

func decodeInteger(b []byte, size int) (string, error) {
	if len(b) < size {
		return "", fmt.Errorf("an integer of %d bytes can't be read from %d", size, len(b))
	}
	if size == 4 {
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))), nil
	}
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10), nil
}

// StringDecoder prints keys and values as UTF-8.
var StringDecoder = DecodeWith(BytesDecoders["org.apache.kafka.tools.api.StringDecoder"], BytesDecoders["org.apache.kafka.tools.api.StringDecoder"])

// DecodeWith is a Decoder of two BytesDecoders. What is null is not printed.
func DecodeWith(key, value BytesDecoder) Decoder {
	one := func(decode BytesDecoder, b []byte, what string, offset int64) (*string, error) {
		if b == nil {
			return nil, nil
		}
		s, err := decode(b)
		if err != nil {
			return nil, fmt.Errorf("%s at offset %d: %w", what, offset, err)
		}
		return &s, nil
	}
	return func(r *batch.Record) (*string, *string, error) {
		k, err := one(key, r.Key, "key", r.Offset)
		if err != nil {
			return nil, nil, err
		}
		v, err := one(value, r.Value, "value", r.Offset)
		return k, v, err
	}
}

// The decoders of Kafka's own topics.
var (
	OffsetsDecoder         = coordinatorDecoder(record.Group, expandGroupMembers)
	TransactionLogDecoder  = coordinatorDecoder(record.Txn, nil)
	ShareGroupStateDecoder = coordinatorDecoder(record.Share, nil)
)

// coordinatorDecoder prints the records of a coordinator's topic as JSON. expand may change a value's JSON before it is printed.
func coordinatorDecoder(family record.Family, expand func(m record.Message, json []byte) []byte) Decoder {
	return func(r *batch.Record) (*string, *string, error) {
		if r.Key == nil {
			return nil, nil, fmt.Errorf("record at offset %d has no key, which the decoder needs", r.Offset)
		}
		key, err := family.ReadKey(r.Key)
		var value record.Message
		var version int16
		if err == nil && r.Value != nil {
			value, version, err = family.ReadValue(key.APIKey(), r.Value)
		}
		if errors.Is(err, record.ErrUnknownType) {
			recordType := int16(binary.BigEndian.Uint16(r.Key))
			return textf("Unknown record type %d at offset %d, skipping.", recordType, r.Offset), nil, nil
		}
		if err != nil {
			return textf("Error at offset %d, skipping. %v", r.Offset, err), nil, nil
		}
		k := textf(`{"type":"%d","data":%s}`, key.APIKey(), key.AppendJSON(nil, 0))
		if value == nil {
			return k, textf("<DELETE>"), nil
		}
		json := value.AppendJSON(nil, version)
		if expand != nil {
			json = expand(value, json)
		}
		return k, textf(`{"version":"%d","data":%s}`, version, json), nil
	}
}

func textf(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}

// expandGroupMembers shows what a classic consumer group's members subscribed to and were assigned, instead of the bytes.
func expandGroupMembers(m record.Message, json []byte) []byte {
	g, ok := m.(*record.GroupMetadataValue)
	if !ok || g.ProtocolType != "consumer" {
		return json
	}
	text := string(json)
	at := strings.Index(text, `"members":[`)
	if at < 0 {
		return json
	}
	head, rest := text[:at], text[at:]
	for _, member := range g.Members {
		for _, f := range []struct {
			field string
			raw   []byte
			into  record.Message
		}{{"subscription", member.Subscription, record.NewConsumerProtocolSubscription()}, {"assignment", member.Assignment, record.NewConsumerProtocolAssignment()}} {
			old := `"` + f.field + `":"` + base64.StdEncoding.EncodeToString(f.raw) + `"`
			i := strings.Index(rest, old)
			if i < 0 {
				continue
			}
			head, rest = head+rest[:i], rest[i+len(old):]
			if expanded, ok := expandMember(f.raw, f.into); ok {
				old = `"` + f.field + `":` + expanded
			}
			head += old
		}
	}
	return []byte(head + rest)
}

func expandMember(raw []byte, m record.Message) (string, bool) {
	if len(raw) < 2 {
		return "", false
	}
	version := int16(binary.BigEndian.Uint16(raw))
	if _, err := m.ReadFrom(raw[2:], version); err != nil {
		return "", false
	}
	return string(m.AppendJSON(nil, version)), true
}

// ClusterMetadataDecoder prints the records of the metadata log and its snapshots.
func ClusterMetadataDecoder(r *batch.Record) (key, value *string, err error) {
	if text, bad := unknownFrame(r.Value); bad {
		return nil, textf("Error at %d, skipping. %s", r.Offset, text), nil
	}
	m, version, err := record.ReadMetadata(r.Value)
	if err != nil {
		return nil, textf("Error at %d, skipping. %v", r.Offset, err), nil
	}
	return nil, textf(`{"type":"%s","version":%d,"data":%s}`, constantName(m.MessageName()), version, m.AppendJSON(nil, version)), nil
}

// unknownFrame words what Kafka says of a value that begins with another frame version than the one there is: the likely
// sign of the wrong decoder.
func unknownFrame(value []byte) (text string, bad bool) {
	version, n := binary.Uvarint(value)
	if n <= 0 || version == 1 {
		return "", false
	}
	return fmt.Sprintf("Could not deserialize metadata record due to unknown frame version %d(only frame version 1 is supported)", version), true
}

// constantName turns RegisterBrokerRecord into REGISTER_BROKER_RECORD.
func constantName(name string) string {
	var s strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' {
			s.WriteByte('_')
		}
		s.WriteRune(c)
	}
	return strings.ToUpper(s.String())
}
