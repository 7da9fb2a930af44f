package api

// DescribeTopicPartitions, v0: topics' partitions with their eligible leader replicas, page by page (KIP-966).
//
//   - Topics are answered by name, each once; an empty list means all. The answer ends after response_partition_limit partitions (at most
//     max.request.partition.size.limit) with a cursor that the next request brings back.

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) describeTopicPartitions(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeTopicPartitionsRequest)
	resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	image := h.Metadata.Current()
	var firstPartition int32
	names := make([]string, 0, len(req.Topics))
	for _, t := range req.Topics {
		names = append(names, t.Topic)
	}
	room := max(1, min(int(req.ResponsePartitionLimit), h.Config().Topics.MaxPartitionsReply))
	if len(names) == 0 {
		names = topicPage(image, req.Cursor, room)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if c := req.Cursor; c != nil {
		if _, asked := slices.BinarySearch(names, c.Topic); c.Partition < 0 || !asked && len(req.Topics) > 0 {
			r.Respond(describeTopicPartitionsError(req, kerr.InvalidRequest))
			return
		}
		at, found := slices.BinarySearch(names, c.Topic)
		names = names[at:]
		if found {
			firstPartition = c.Partition
		}
	}
	for _, name := range names {
		if room <= 0 {
			resp.NextCursor = cursorAt(name, firstPartition)
			break
		}
		row, taken, next := h.describedTopic(r, image, name, firstPartition, room)
		resp.Topics = append(resp.Topics, row)
		room -= taken
		firstPartition = 0
		if next >= 0 {
			resp.NextCursor = cursorAt(name, next)
			break
		}
	}
	r.Respond(resp)
}

// topicPage lists the topics, without order, among which the next page of all topics lies: a page of n partitions has at most n
// topics, the rest of the cursor's, which may have none left, and the one that is the next cursor. A cluster's topics need not be sorted anew for each page.
func topicPage(image *metadata.Image, cursor *kmsg.DescribeTopicPartitionsRequestCursor, n int) []string {
	var names []string
	from, beyond := "", ""
	if cursor != nil {
		from = cursor.Topic
	}
	for t := range image.Topics() {
		if t.Name < from || beyond != "" && t.Name > beyond {
			continue
		}
		if names = append(names, t.Name); len(names) > 2*n {
			slices.Sort(names)
			names = names[:n+2]
			beyond = names[n+1]
		}
	}
	return names
}

// describeTopicPartitionsError says err of each topic: the response has no error of its own.
func describeTopicPartitionsError(req *kmsg.DescribeTopicPartitionsRequest, err *kerr.Error) *kmsg.DescribeTopicPartitionsResponse {
	resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	for _, t := range req.Topics {
		row := kmsg.NewDescribeTopicPartitionsResponseTopic()
		row.Topic, row.ErrorCode = new(t.Topic), err.Code
		resp.Topics = append(resp.Topics, row)
	}
	return resp
}

func cursorAt(topic string, partition int32) *kmsg.DescribeTopicPartitionsResponseNextCursor {
	c := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	c.Topic, c.Partition = topic, partition
	return &c
}

// describedTopic describes at most room partitions of a topic from the given one on; next is the partition to go on with, -1 at the end.
func (h *Handlers) describedTopic(r *wire.Request, image *metadata.Image, name string, from int32, room int) (row kmsg.DescribeTopicPartitionsResponseTopic, taken int, next int32) {
	row = kmsg.NewDescribeTopicPartitionsResponseTopic()
	row.Topic, row.IsInternal = new(name), isInternalTopic(name)
	t := image.Topic(name)
	if t == nil {
		row.ErrorCode = kerr.UnknownTopicOrPartition.Code
		if validateTopicName(name) != nil {
			row.ErrorCode = kerr.InvalidTopicException.Code
		}
		return row, 0, -1
	}
	row.TopicID = t.ID
	row.AuthorizedOperations = authorizedOperations(true, topicOperations)
	end := min(len(t.Partitions), int(from)+room)
	listener := r.Conn.Listener().Name
	for i := int(from); i < end; i++ {
		row.Partitions = append(row.Partitions, describedPartition(image, listener, int32(i), t.Partitions[i]))
	}
	if end < len(t.Partitions) {
		return row, len(row.Partitions), int32(end)
	}
	return row, len(row.Partitions), -1
}

func describedPartition(image *metadata.Image, listener string, id int32, p *metadata.Partition) kmsg.DescribeTopicPartitionsResponseTopicPartition {
	out := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	out.Partition, out.LeaderID, out.LeaderEpoch = id, int32(p.Leader), p.LeaderEpoch
	out.Replicas, out.ISR = brokerIDs(p.Replicas), brokerIDs(p.Isr)
	out.EligibleLeaderReplicas, out.LastKnownELR = brokerIDs(p.Elr), brokerIDs(p.LastKnownElr)
	out.OfflineReplicas = offlineReplicas(image, listener, p)
	if p.Leader == ident.NoBroker {
		out.ErrorCode = kerr.LeaderNotAvailable.Code
	} else if !reachable(image, p.Leader, listener) {
		out.LeaderID, out.ErrorCode = -1, kerr.ListenerNotFound.Code
	}
	return out
}
