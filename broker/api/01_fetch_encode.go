package api

// The Fetch response on the wire. It is the one response that isn't kmsg's to encode: kmsg wants the records in memory, and here they are
// file ranges that the network layer sends by sendfile. Fields and versions are those of Kafka's FetchResponse.json; a test compares every
// version with kmsg's encoding.
//
//	v1+  throttle_time_ms int32
//	v7+  error_code int16, session_id int32
//	     [topics
//	         v0-12 name, v13+ topic id
//	         [partitions
//	             index int32, error_code int16, high_watermark int64
//	         v4+ last_stable_offset int64     v5+ log_start_offset int64
//	         v4+ [aborted transactions: producer_id int64, first_offset int64] or null
//	         v11+ preferred_read_replica int32
//	             records: length, bytes
//	         v12+ tags: 0 diverging epoch, 1 current leader, 2 snapshot id (never sent: it is the metadata quorum's)
//	         ]
//	     ]
//	v12+ tags: v16+ 0 node endpoints

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// fetchRow is one partition of the answer.
type fetchRow struct {
	*replica.FetchResult

	topic       string
	topicID     ident.TopicID
	partition   int32
	fetchOffset int64
	converted   []byte // instead of Records, for versions below 4
}

// fetchEncoder builds the answer: memory in one growing buffer, cut where a file range comes between.
type fetchEncoder struct {
	version  int16
	flexible bool
	buf      []byte
	cut      int // what of buf the payload has already
	payload  wire.Payload
}

const (
	fetchRowBytes      = 80  // about what a row takes without records
	fetchEnvelopeBytes = 128 // and what is around the rows
)

// unknown reports whether the row is about something that isn't here, or not for this client: Apache Kafka gives such rows an empty list of
// aborted transactions, where other errors have null.
func (r *fetchRow) unknown() bool {
	return errors.Is(r.Err, kerr.UnknownTopicOrPartition) || errors.Is(r.Err, kerr.UnknownTopicID) || errors.Is(r.Err, kerr.TopicAuthorizationFailed)
}

// encodeFetch builds the body of a response. The payload takes the rows' records over.
func encodeFetch(version int16, throttleMs, sessionID int32, rows []fetchRow, leaders []endpoint) wire.Payload {
	e := fetchEncoder{version: version, flexible: version >= 12, buf: make([]byte, 0, fetchEnvelopeBytes+len(rows)*fetchRowBytes)}
	if version >= 1 {
		e.int32(throttleMs)
	}
	if version >= 7 {
		e.int16(0)
		e.int32(sessionID)
	}
	e.arrayLen(countTopics(rows))
	for len(rows) > 0 {
		n := sameTopic(rows)
		e.topic(rows[:n])
		rows = rows[n:]
	}
	e.nodeEndpoints(leaders)
	e.payload.Bytes(e.buf[e.cut:])
	return e.payload
}

// sameTopic counts the leading rows that share a topic: the answer groups neighbours only, so that rows keep their order.
func sameTopic(rows []fetchRow) int {
	n := 1
	for n < len(rows) && rows[n].topic == rows[0].topic && rows[n].topicID == rows[0].topicID {
		n++
	}
	return n
}

func countTopics(rows []fetchRow) (topics int) {
	for ; len(rows) > 0; topics++ {
		rows = rows[sameTopic(rows):]
	}
	return topics
}

func (e *fetchEncoder) topic(rows []fetchRow) {
	if e.version >= 13 {
		e.buf = append(e.buf, rows[0].topicID[:]...)
	} else {
		e.string(rows[0].topic)
	}
	e.arrayLen(len(rows))
	for i := range rows {
		e.row(&rows[i])
	}
	e.noTags()
}

func (e *fetchEncoder) row(r *fetchRow) {
	e.int32(r.partition)
	e.int16(wire.ErrorCode(r.Err))
	e.int64(r.HighWatermark)
	if e.version >= 4 {
		e.int64(r.LastStableOffset)
	}
	if e.version >= 5 {
		e.int64(r.LogStartOffset)
	}
	if e.version >= 4 {
		e.aborted(r)
	}
	if e.version >= 11 {
		e.int32(int32(r.PreferredReadReplica))
	}
	e.records(r)
	if e.flexible {
		e.rowTags(r)
	}
}

func (e *fetchEncoder) aborted(r *fetchRow) {
	if r.AbortedTransactions == nil && !r.unknown() {
		e.nullArray()
		return
	}
	e.arrayLen(len(r.AbortedTransactions))
	for _, t := range r.AbortedTransactions {
		e.int64(t.ProducerID)
		e.int64(t.FirstOffset)
		e.noTags()
	}
}

// records writes the length, and cuts the buffer for the file range.
func (e *fetchEncoder) records(r *fetchRow) {
	size := len(r.converted)
	if r.Records != nil {
		size = r.Records.Size()
	}
	if e.flexible {
		e.uvarint(size + 1)
	} else {
		e.int32(int32(size))
	}
	if size == 0 {
		return
	}
	e.payload.Bytes(e.buf[e.cut:])
	e.cut = len(e.buf)
	if r.Records != nil {
		e.payload.File(r.Records)
	} else {
		e.payload.Bytes(r.converted)
	}
}

func (e *fetchEncoder) rowTags(r *fetchRow) {
	tags := 0
	if r.DivergingEpoch != nil {
		tags++
	}
	if r.Leader != replica.NoHint {
		tags++
	}
	e.uvarint(tags)
	if d := r.DivergingEpoch; d != nil {
		e.uvarint(0) // the tag
		e.uvarint(4 + 8 + 1)
		e.int32(d.LeaderEpoch)
		e.int64(d.EndOffset)
		e.noTags()
	}
	if r.Leader != replica.NoHint {
		e.uvarint(1)
		e.uvarint(4 + 4 + 1)
		e.int32(int32(r.Leader.LeaderID))
		e.int32(r.Leader.LeaderEpoch)
		e.noTags()
	}
}

// nodeEndpoints writes the tags at the very end.
func (e *fetchEncoder) nodeEndpoints(leaders []endpoint) {
	if e.version < 16 || len(leaders) == 0 {
		e.noTags()
		return
	}
	inner := fetchEncoder{version: e.version, flexible: true}
	inner.arrayLen(len(leaders))
	for _, l := range leaders {
		inner.int32(int32(l.id))
		inner.string(l.host)
		inner.int32(l.port)
		if l.rack == nil {
			inner.uvarint(0)
		} else {
			inner.string(*l.rack)
		}
		inner.noTags()
	}
	e.uvarint(1)
	e.uvarint(0)
	e.uvarint(len(inner.buf))
	e.buf = append(e.buf, inner.buf...)
}

func (e *fetchEncoder) int16(v int16) { e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(v)) }
func (e *fetchEncoder) int32(v int32) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(v)) }
func (e *fetchEncoder) int64(v int64) { e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(v)) }
func (e *fetchEncoder) uvarint(v int) { e.buf = binary.AppendUvarint(e.buf, uint64(v)) }

// arrayLen writes an array's length: compact arrays and strings carry it plus one, so that 0 can mean null.
func (e *fetchEncoder) arrayLen(n int) {
	if e.flexible {
		e.uvarint(n + 1)
	} else {
		e.int32(int32(n))
	}
}

func (e *fetchEncoder) nullArray() {
	if e.flexible {
		e.uvarint(0)
	} else {
		e.int32(-1)
	}
}

func (e *fetchEncoder) string(s string) {
	if e.flexible {
		e.uvarint(len(s) + 1)
	} else {
		e.int16(int16(len(s)))
	}
	e.buf = append(e.buf, s...)
}

// noTags ends a structure of a flexible version that has no tagged fields.
func (e *fetchEncoder) noTags() {
	if e.flexible {
		e.buf = append(e.buf, 0)
	}
}
