package server

import (
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/metrics"
)

// forgetTopics ends the series of topics that are deleted. It implements metadata.Publisher.
type forgetTopics struct{ topics *metrics.Topics }

// OnMetadata looks for deleted topics.
func (f forgetTopics) OnMetadata(delta *metadata.Delta, _ *metadata.Image) {
	for _, t := range delta.DeletedTopics {
		f.topics.Remove(t.Name)
	}
}
