package check

import (
	"fmt"
	"strings"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// RemoteLogMetadataDecoder prints the records of __remote_log_metadata, which tiered storage keeps, in Kafka's own notation.
func RemoteLogMetadataDecoder(r *batch.Record) (key, value *string, err error) {
	if text, bad := unknownFrame(r.Value); bad {
		return nil, textf("Error at offset %d, skipping. %s", r.Offset, text), nil
	}
	m, _, err := record.ReadRemote(r.Value)
	if err != nil {
		return nil, textf("Error at offset %d, skipping. %v", r.Offset, err), nil
	}
	return nil, textf("%s", remoteText(m)), nil
}

func remoteText(m record.Message) string {
	switch m := m.(type) {
	case *record.RemoteLogSegmentMetadataRecord:
		id := m.RemoteLogSegmentId
		var epochs strings.Builder
		for i, e := range m.SegmentLeaderEpochs {
			if i > 0 {
				epochs.WriteString(", ")
			}
			fmt.Fprintf(&epochs, "%d=%d", e.LeaderEpoch, e.Offset)
		}
		return fmt.Sprintf("RemoteLogSegmentMetadata{remoteLogSegmentId=%s, startOffset=%d, endOffset=%d, brokerId=%d, maxTimestampMs=%d, eventTimestampMs=%d, segmentLeaderEpochs={%s}, segmentSizeInBytes=%d, customMetadata=%s, state=%s, txnIdxEmpty=%t}",
			remoteID(id.TopicIdPartition.Id, id.TopicIdPartition.Name, id.TopicIdPartition.Partition, id.Id), m.StartOffset, m.EndOffset, m.BrokerId,
			m.MaxTimestampMs, m.EventTimestampMs, epochs.String(), m.SegmentSizeInBytes, remoteCustom(m.CustomMetadata), segmentState(m.RemoteLogSegmentState), m.TxnIndexEmpty)
	case *record.RemoteLogSegmentMetadataUpdateRecord:
		id := m.RemoteLogSegmentId
		return fmt.Sprintf("RemoteLogSegmentMetadataUpdate{remoteLogSegmentId=%s, customMetadata=%s, state=%s, eventTimestampMs=%d, brokerId=%d}",
			remoteID(id.TopicIdPartition.Id, id.TopicIdPartition.Name, id.TopicIdPartition.Partition, id.Id), remoteCustom(m.CustomMetadata),
			segmentState(m.RemoteLogSegmentState), m.EventTimestampMs, m.BrokerId)
	case *record.RemotePartitionDeleteMetadataRecord:
		tp := m.TopicIdPartition
		return fmt.Sprintf("RemotePartitionDeleteMetadata{topicPartition=%v:%s-%d, state=%s, eventTimestampMs=%d, brokerId=%d}",
			tp.Id, tp.Name, tp.Partition, stateName(m.RemotePartitionDeleteState, "DELETE_PARTITION_MARKED", "DELETE_PARTITION_STARTED", "DELETE_PARTITION_FINISHED"),
			m.EventTimestampMs, m.BrokerId)
	default:
		return m.MessageName() + string(m.AppendJSON(nil, 0))
	}
}

func remoteID(topicID ident.UUID, topic string, partition int32, segment ident.UUID) string {
	return fmt.Sprintf("RemoteLogSegmentId{topicIdPartition=%v:%s-%d, id=%v}", topicID, topic, partition, segment)
}

func remoteCustom(b []byte) string {
	if b == nil {
		return "Optional.empty"
	}
	return fmt.Sprintf("Optional[CustomMetadata{%d bytes}]", len(b))
}

func segmentState(id int8) string {
	return stateName(id, "COPY_SEGMENT_STARTED", "COPY_SEGMENT_FINISHED", "DELETE_SEGMENT_STARTED", "DELETE_SEGMENT_FINISHED")
}

func stateName(id int8, names ...string) string {
	if id < 0 || int(id) >= len(names) {
		return fmt.Sprintf("UNKNOWN(%d)", id)
	}
	return names[id]
}
