package commands

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// The records by which coordinators remember groups and transactions are described here as data, and one decoder turns them into
// the JSON that Kafka's formatters print. The fields stand in the order in which they are printed; tagged ones come last on the wire.

// fieldKind is the type of a field.
type fieldKind int8

const (
	kindInt8 fieldKind = iota
	kindInt16
	kindInt32
	kindInt64
	kindString
	kindBytes
	kindUUID
	kindStructs // an array of structs
	kindInt32s  // an array of numbers
)

// schemaField is a field of a record.
type schemaField struct {
	name      string
	kind      fieldKind
	from, to  int16 // the versions that have it; to is noLimit for the latest
	tag       int   // noTag, or the number by which a tagged field is found
	otherwise int64 // a tagged number of this value is not printed
	fields    []schemaField
}

const (
	noTag         = -1
	noLimit int16 = 1<<15 - 1
)

func plain(name string, kind fieldKind, from int16) schemaField {
	return schemaField{name: name, kind: kind, from: from, to: noLimit, tag: noTag}
}

func tagged(name string, kind fieldKind, tag int, otherwise int64) schemaField {
	return schemaField{name: name, kind: kind, to: noLimit, tag: tag, otherwise: otherwise}
}

// recordSchema is a kind of coordinator record: its number stands first in the key.
type recordSchema struct {
	keyType     int16
	key         []schemaField
	value       []schemaField
	maxVersion  int16 // of the value
	flexibleAge int16 // the value's first version with compact lengths and tags
}

var offsetCommitKey = []schemaField{plain("group", kindString, 0), plain("topic", kindString, 0), plain("partition", kindInt32, 0)}

var (
	legacyOffsetCommitSchema = recordSchema{
		keyType: 0, key: offsetCommitKey, flexibleAge: noLimit, maxVersion: 0,
		value: []schemaField{plain("offset", kindInt64, 0), plain("metadata", kindString, 0), plain("commitTimestamp", kindInt64, 0)},
	}
	offsetCommitSchema = recordSchema{
		keyType: 1, key: offsetCommitKey, flexibleAge: 4, maxVersion: 4,
		value: []schemaField{
			plain("offset", kindInt64, 0), plain("leaderEpoch", kindInt32, 3), plain("metadata", kindString, 0), plain("commitTimestamp", kindInt64, 0),
			{name: "expireTimestamp", kind: kindInt64, from: 1, to: 1, tag: noTag},
			tagged("topicId", kindUUID, 0, 0),
		},
	}
	groupMetadataSchema = recordSchema{
		keyType: 2, key: []schemaField{plain("group", kindString, 0)}, flexibleAge: 4, maxVersion: 4,
		value: []schemaField{
			plain("protocolType", kindString, 0), plain("generation", kindInt32, 0), plain("protocol", kindString, 0), plain("leader", kindString, 0),
			plain("currentStateTimestamp", kindInt64, 2),
			{name: "members", kind: kindStructs, to: noLimit, tag: noTag, fields: []schemaField{
				plain("memberId", kindString, 0), plain("groupInstanceId", kindString, 3), plain("clientId", kindString, 0), plain("clientHost", kindString, 0),
				plain("rebalanceTimeout", kindInt32, 1), plain("sessionTimeout", kindInt32, 0), plain("subscription", kindBytes, 0), plain("assignment", kindBytes, 0),
			}},
		},
	}
	transactionLogSchema = recordSchema{
		keyType: 0, key: []schemaField{plain("transactionalId", kindString, 0)}, flexibleAge: 1, maxVersion: 1,
		value: []schemaField{
			plain("producerId", kindInt64, 0), tagged("previousProducerId", kindInt64, 0, -1), tagged("nextProducerId", kindInt64, 1, -1),
			plain("producerEpoch", kindInt16, 0), tagged("nextProducerEpoch", kindInt16, 3, -1), plain("transactionTimeoutMs", kindInt32, 0),
			plain("transactionStatus", kindInt8, 0),
			{name: "transactionPartitions", kind: kindStructs, to: noLimit, tag: noTag, fields: []schemaField{plain("topic", kindString, 0), plain("partitionIds", kindInt32s, 0)}},
			plain("transactionLastUpdateTimestampMs", kindInt64, 0), plain("transactionStartTimestampMs", kindInt64, 0),
			tagged("clientTransactionVersion", kindInt16, 2, 0),
		},
	}
)

// errShortRecord says that a coordinator record ends too early.
var errShortRecord = errors.New("the record is shorter than its fields")

// schemaReader reads fields; after the first failure every read fails.
type schemaReader struct {
	src      []byte
	flexible bool
	failed   bool
}

func (r *schemaReader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.src) {
		r.failed = true
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *schemaReader) int(size int) int64 {
	b := r.take(size)
	if b == nil {
		return 0
	}
	switch size {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

func (r *schemaReader) uvarint() int {
	v, n := binary.Uvarint(r.src)
	if r.failed || n <= 0 || v > 1<<31 {
		r.failed = true
		return 0
	}
	r.src = r.src[n:]
	return int(v)
}

// length reads the length of something that may be null (-1); a fixed one has the given size.
func (r *schemaReader) length(fixed int) int {
	if r.flexible {
		return r.uvarint() - 1
	}
	return int(r.int(fixed))
}

// structJSON appends a struct of a version as a JSON object.
func (r *schemaReader) structJSON(dst []byte, fields []schemaField, version int16) []byte {
	values := make([][]byte, len(fields))
	for i, f := range fields {
		if f.tag == noTag && version >= f.from && version <= f.to {
			values[i] = r.fieldJSON(f, version)
		}
	}
	if r.flexible {
		r.tags(fields, values, version)
	}
	dst = append(dst, '{')
	first := true
	for i, v := range values {
		if v == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, fields[i].name), ':')
		dst = append(dst, v...)
	}
	return append(dst, '}')
}

// tags reads the tagged fields, which come in the order of their numbers; those of newer releases are skipped.
func (r *schemaReader) tags(fields []schemaField, values [][]byte, version int16) {
	for range r.uvarint() {
		tag := r.uvarint()
		size := r.uvarint()
		body := r.take(size)
		if r.failed {
			return
		}
		for i, f := range fields {
			if f.tag != tag {
				continue
			}
			inner := &schemaReader{src: body, flexible: true}
			v := inner.fieldJSON(f, version)
			r.failed = r.failed || inner.failed
			if f.kind == kindUUID || string(v) != strconv.FormatInt(f.otherwise, 10) {
				values[i] = v
			}
		}
	}
}

func (r *schemaReader) fieldJSON(f schemaField, version int16) []byte {
	switch f.kind {
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return strconv.AppendInt(nil, r.int(1<<(f.kind-kindInt8)), 10)
	case kindUUID:
		return appendJSONString(nil, base64.RawURLEncoding.EncodeToString(r.take(16)))
	case kindString:
		n := r.length(2)
		if n < 0 {
			return []byte("null")
		}
		return appendJSONString(nil, string(r.take(n)))
	case kindBytes:
		n := r.length(4)
		if n < 0 {
			return []byte("null")
		}
		return appendJSONString(nil, base64.StdEncoding.EncodeToString(r.take(n)))
	case kindStructs, kindInt32s: // arrays, below
	}
	n := r.length(4)
	if n < 0 {
		return []byte("null")
	}
	out := []byte{'['}
	for i := 0; i < n && !r.failed; i++ { // a length beyond the record fails at the first element that is not there
		if i > 0 {
			out = append(out, ',')
		}
		if f.kind == kindInt32s {
			out = strconv.AppendInt(out, r.int(4), 10)
		} else {
			out = r.structJSON(out, f.fields, version)
		}
	}
	return append(out, ']')
}

// keyType returns the number at the beginning of a coordinator record's key.
func keyType(key []byte) (int16, bool) {
	if len(key) < 2 {
		return 0, false
	}
	return int16(binary.BigEndian.Uint16(key)), true
}

// json appends a record of this kind as the formatters print it.
func (s *recordSchema) json(dst, key, value []byte) ([]byte, error) {
	r := &schemaReader{src: key}
	dst = append(dst, `{"key":{"type":`...)
	dst = strconv.AppendInt(dst, r.int(2), 10)
	dst = append(dst, `,"data":`...)
	dst = append(r.structJSON(dst, s.key, 0), `},"value":`...)
	if r.failed {
		return dst, errShortRecord
	}
	if value == nil {
		return append(dst, "null}"...), nil
	}
	r = &schemaReader{src: value}
	version := int16(r.int(2))
	if !r.failed && (version < 0 || version > s.maxVersion) {
		return dst, fmt.Errorf("version %d of the value is not known: versions 0 to %d are", version, s.maxVersion)
	}
	r.flexible = version >= s.flexibleAge
	dst = append(dst, `{"version":`...)
	dst = strconv.AppendInt(dst, int64(version), 10)
	dst = append(dst, `,"data":`...)
	dst = append(r.structJSON(dst, s.value, version), "}}"...)
	if r.failed {
		return dst, errShortRecord
	}
	return dst, nil
}
