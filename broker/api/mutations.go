package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/metadata"
)

// mutations is how many partitions a request would make or remove, as far as this broker's metadata and configuration go: what fails costs nothing where that
// can be told beforehand.
func mutations(image *metadata.Image, defaults config.Topics, req kmsg.Request) (n int) {
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		for i := range req.Topics {
			t := &req.Topics[i]
			switch {
			case image.Topic(t.Topic) != nil:
			case len(t.ReplicaAssignment) > 0:
				n += len(t.ReplicaAssignment)
			case t.NumPartitions == -1:
				n += int(defaults.NumPartitions)
			default:
				n += max(0, int(t.NumPartitions))
			}
		}
	case *kmsg.DeleteTopicsRequest:
		for _, name := range req.TopicNames {
			n += partitionsOf(image.Topic(name))
		}
		for i := range req.Topics {
			if name := req.Topics[i].Topic; name != nil {
				n += partitionsOf(image.Topic(*name))
			} else {
				n += partitionsOf(image.TopicByID(req.Topics[i].TopicID))
			}
		}
	case *kmsg.CreatePartitionsRequest:
		for i := range req.Topics {
			if t := image.Topic(req.Topics[i].Topic); t != nil {
				n += max(0, int(req.Topics[i].Count)-partitionsOf(t))
			}
		}
	}
	return n
}

func partitionsOf(t *metadata.Topic) int {
	if t == nil {
		return 0
	}
	return len(t.Partitions)
}
