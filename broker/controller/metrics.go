package controller

import (
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/metrics"
)

// RegisterMetrics adds the controller's gauges to reg. All but the first describe the cluster as far as it is committed, and are worked out when
// somebody asks: the walk over 200,000 partitions takes a few milliseconds.
func (c *Controller) RegisterMetrics(reg *metrics.Registry) {
	reg.GaugeFunc(metrics.ActiveControllerCount, "1 if this node is the active controller.", func() float64 {
		if c.active.Load() {
			return 1
		}
		return 0
	})
	reg.Collect(metrics.UncleanLeaderElections, "Leaders elected from outside the ISR.", metrics.KindCounter, func(emit metrics.Emit) { emit(float64(c.unclean.Load())) })
	for _, g := range []struct {
		name, help string
		count      func(*metadata.Image) int
	}{
		{metrics.GlobalTopicCount, "Topics in the cluster.", (*metadata.Image).TopicCount},
		{metrics.GlobalPartitionCount, "Partitions in the cluster.", (*metadata.Image).PartitionCount},
		{metrics.ActiveBrokerCount, "Registered brokers that are not fenced.", func(im *metadata.Image) int { return countBrokers(im, false) }},
		{metrics.FencedBrokerCount, "Registered brokers that are fenced.", func(im *metadata.Image) int { return countBrokers(im, true) }},
		{metrics.OfflinePartitionsCount, "Partitions without a leader.", func(im *metadata.Image) int {
			return countPartitions(im, func(p *metadata.Partition) bool { return p.Leader == ident.NoBroker })
		}},
		{metrics.PreferredImbalance, "Partitions that are not led by their first replica.", func(im *metadata.Image) int {
			return countPartitions(im, func(p *metadata.Partition) bool { return p.Leader != p.PreferredReplica() })
		}},
	} {
		reg.GaugeFunc(g.name, g.help, func() float64 { return float64(g.count(c.store.Current())) })
	}
}

func countBrokers(im *metadata.Image, fenced bool) int {
	n := 0
	for b := range im.Brokers() {
		if b.Fenced == fenced {
			n++
		}
	}
	return n
}

func countPartitions(im *metadata.Image, match func(*metadata.Partition) bool) int {
	n := 0
	for t := range im.Topics() {
		for _, p := range t.Partitions {
			if match(p) {
				n++
			}
		}
	}
	return n
}
