package api

// ListOffsets, v0-v11: offsets by timestamp.
//
//   - -1 the end of what the asker may read, -2 the log start. v7: -3 the record with the largest timestamp (KIP-734). v8: -4 the local log
//     start (KIP-405). v9: -5 the end of what is in tiered storage (KIP-1005). v11: -6 the start of what is yet to go there (KIP-1023).
//     Without tiered storage -4 is -2, and -5 and -6 find nothing.
//   - v0 returns segment boundaries, several of them. v2 read_committed (KIP-98). v4 leader epochs (KIP-320).
//   - v5 OFFSET_NOT_AVAILABLE while a new leader doesn't know the high watermark; before, LEADER_NOT_AVAILABLE.
//   - A partition named twice gets INVALID_REQUEST; a topic without partitions has no row.

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// answered marks a partition that has its row.
const answered = -1

// ListOffsets handles API key 2.
func (d *Data) ListOffsets(r *wire.Request) {
	req := r.Body.(*kmsg.ListOffsetsRequest)
	resp := respondKind[*kmsg.ListOffsetsResponse](r)
	seen := make(map[ident.TopicPartition]int)
	for i := range req.Topics {
		for k := range req.Topics[i].Partitions {
			seen[ident.TopicPartition{Topic: req.Topics[i].Topic, Partition: req.Topics[i].Partitions[k].Partition}]++
		}
	}
	rows := make(map[string]int) // a topic has one row, however often it is named
	for i := range req.Topics {
		t := &req.Topics[i]
		allowed := d.topicAllowed(r, opDescribe, t.Topic)
		for k := range t.Partitions {
			p := &t.Partitions[k]
			q := replica.OffsetQuery{
				TopicPartition:     ident.TopicPartition{Topic: t.Topic, Partition: p.Partition},
				CurrentLeaderEpoch: p.CurrentLeaderEpoch, Timestamp: p.Timestamp, ReplicaID: ident.BrokerID(req.ReplicaID), Isolation: replica.Isolation(req.IsolationLevel),
			}
			if r.Version < 4 {
				q.CurrentLeaderEpoch = -1
			}
			var err error
			switch {
			case !allowed:
				err = kerr.TopicAuthorizationFailed
			case seen[q.TopicPartition] > 1:
				err = kerr.InvalidRequest
			case !timestampKnown(p.Timestamp, r.Version):
				err = kerr.UnsupportedVersion
			}
			if seen[q.TopicPartition] == answered {
				continue // named twice, and told so once
			}
			at, ok := rows[t.Topic]
			if !ok {
				at = len(resp.Topics)
				rows[t.Topic] = at
				row := kmsg.NewListOffsetsResponseTopic()
				row.Topic = t.Topic
				resp.Topics = append(resp.Topics, row)
			}
			resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, d.listOffset(q, int(p.MaxNumOffsets), r.Version, err))
			if errors.Is(err, kerr.InvalidRequest) {
				seen[q.TopicPartition] = answered
			}
		}
	}
	r.Respond(resp)
}

// timestampKnown reports whether a version has this special timestamp: every negative one is, or will be.
func timestampKnown(timestamp int64, version int16) bool {
	switch timestamp {
	case replica.TimestampLatest, replica.TimestampEarliest:
		return true
	case replica.TimestampMax:
		return version >= 7
	case replica.TimestampEarliestLocal:
		return version >= 8
	case replica.TimestampLatestTiered:
		return version >= 9
	case replica.TimestampEarliestPendingUpload:
		return version >= 11
	default:
		return timestamp >= 0
	}
}

func (d *Data) listOffset(q replica.OffsetQuery, maxOffsets int, version int16, err error) kmsg.ListOffsetsResponseTopicPartition {
	row := kmsg.NewListOffsetsResponseTopicPartition()
	row.Partition = q.TopicPartition.Partition
	if version == 0 {
		if err == nil {
			row.OldStyleOffsets, err = d.Replica.OffsetsBefore(q, maxOffsets)
		}
		row.ErrorCode = wire.ErrorCode(err)
		return row
	}
	if err == nil {
		found, findErr := d.Replica.ListOffset(q)
		row.Timestamp, row.Offset, row.LeaderEpoch, err = found.Timestamp, found.Offset, found.LeaderEpoch, findErr
	}
	row.ErrorCode = wire.ErrorCode(err)
	if version < 5 && row.ErrorCode == kerr.OffsetNotAvailable.Code {
		row.ErrorCode = kerr.LeaderNotAvailable.Code
	}
	return row
}
