package server

import (
	"strconv"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/metrics"
)

// Kafka's states of a broker (kafka_server_kafkaserver_brokerstate).
const (
	stateStarting = 1
	stateRunning  = 3
)

// registerGauges adds the values that are read from the node's state when somebody scrapes.
func (s *Server) registerGauges(reg *metrics.Registry) {
	reg.GaugeFunc(metrics.BrokerState, "State of the broker: 1 starting, 3 running.", func() float64 {
		if s.ready.Load() {
			return stateRunning
		}
		return stateStarting
	})
	reg.GaugeFunc(metrics.RequestMemoryUsed, "Memory of requests that are being read or handled, in bytes.", func() float64 { return float64(s.wire.MemoryInUse()) })
	if s.store != nil {
		s.registerImageGauges(reg)
	}
	if q, ok := s.quorum.(*embeddedQuorum); ok {
		q.controller.RegisterMetrics(reg)
	}
	if s.replicas != nil {
		s.registerReplicaGauges(reg)
		s.registerPartitionGauges(reg)
	}
	if s.storage != nil {
		s.registerLogGauges(reg)
	}
}

func (s *Server) registerImageGauges(reg *metrics.Registry) {
	image := s.store.Current
	gauge := func(name, help string, f func(im *metadata.Image) int) {
		reg.GaugeFunc(name, help, func() float64 { return float64(f(image())) })
	}
	reg.GaugeFunc(metrics.ActiveControllerCount, "1 on the node that is the active controller.", func() float64 {
		return bit(s.opts.Config.IsController && s.quorum.activeController() == s.nodeID)
	})
	reg.GaugeFunc(metrics.RaftCurrentLeader, "The node that leads the metadata quorum, -1 if none is known.", func() float64 { return float64(s.quorum.activeController()) })
	gauge(metrics.GlobalTopicCount, "Topics of the cluster.", (*metadata.Image).TopicCount)
	gauge(metrics.GlobalPartitionCount, "Partitions of the cluster.", (*metadata.Image).PartitionCount)
	gauge(metrics.ActiveBrokerCount, "Brokers that serve.", func(im *metadata.Image) int { return countBrokers(im, false) })
	gauge(metrics.FencedBrokerCount, "Brokers that are registered and fenced.", func(im *metadata.Image) int { return countBrokers(im, true) })
	gauge(metrics.OfflinePartitionsCount, "Partitions without a leader.", func(im *metadata.Image) int {
		return countPartitions(im, func(p *metadata.Partition) bool { return p.Leader == ident.NoBroker })
	})
	gauge(metrics.PreferredImbalance, "Partitions that their preferred replica does not lead.", func(im *metadata.Image) int {
		return countPartitions(im, func(p *metadata.Partition) bool { return len(p.Replicas) > 0 && p.Leader != p.Replicas[0] })
	})
}

func countBrokers(im *metadata.Image, fenced bool) (n int) {
	for b := range im.Brokers() {
		if b.Fenced == fenced {
			n++
		}
	}
	return n
}

func countPartitions(im *metadata.Image, which func(*metadata.Partition) bool) (n int) {
	for t := range im.Topics() {
		for _, p := range t.Partitions {
			if which(p) {
				n++
			}
		}
	}
	return n
}

func (s *Server) registerReplicaGauges(reg *metrics.Registry) {
	count := func(name, help string, which func(leading, underReplicated, underMinISR bool) bool) {
		reg.GaugeFunc(name, help, func() float64 {
			n := 0
			for _, p := range s.replicas.Partitions() {
				st := p.State()
				if which(st.Leading, st.Leading && len(st.Isr) < len(st.Replicas), st.UnderMinIsr) {
					n++
				}
			}
			return float64(n)
		})
	}
	count(metrics.PartitionCount, "Replicas on this broker.", func(_, _, _ bool) bool { return true })
	count(metrics.LeaderCount, "Partitions that this broker leads.", func(leading, _, _ bool) bool { return leading })
	count(metrics.UnderReplicatedPartitions, "Partitions led here with fewer replicas in sync than they have.", func(_, under, _ bool) bool { return under })
	count(metrics.UnderMinISRPartitionCount, "Partitions led here with fewer replicas in sync than min.insync.replicas.", func(_, _, min bool) bool { return min })
	reg.GaugeFunc(metrics.FetchSessions, "Incremental fetch sessions.", func() float64 { return float64(s.replicas.Sessions().Stats().Sessions) })
	reg.GaugeFunc(metrics.FetchSessionsParts, "Partitions in incremental fetch sessions.", func() float64 { return float64(s.replicas.Sessions().Stats().Partitions) })
}

func (s *Server) registerPartitionGauges(reg *metrics.Registry) {
	each := func(name, help string, value func(tp ident.TopicPartition, isr, replicas int, underMin bool) float64) {
		reg.Collect(name, help, metrics.KindGauge, func(emit metrics.Emit) {
			for _, p := range s.replicas.Partitions() {
				st, tp := p.State(), p.TopicPartition()
				if st.Leading {
					emit(value(tp, len(st.Isr), len(st.Replicas), st.UnderMinIsr), "topic", tp.Topic, "partition", strconv.Itoa(int(tp.Partition)))
				}
			}
		})
	}
	each(metrics.PartitionUnderMinISR, "1 if the partition has fewer replicas in sync than min.insync.replicas.", func(_ ident.TopicPartition, _, _ int, under bool) float64 { return bit(under) })
	each(metrics.PartitionISRCount, "Replicas in sync.", func(_ ident.TopicPartition, isr, _ int, _ bool) float64 { return float64(isr) })
	each(metrics.PartitionReplicas, "Replicas.", func(_ ident.TopicPartition, _, replicas int, _ bool) float64 { return float64(replicas) })
}

func (s *Server) registerLogGauges(reg *metrics.Registry) {
	reg.Collect(metrics.LogSize, "Size of the log in bytes.", metrics.KindGauge, func(emit metrics.Emit) { s.eachLog(emit, logSize) })
	reg.Collect(metrics.LogStartOffset, "First offset of the log.", metrics.KindGauge, func(emit metrics.Emit) { s.eachLog(emit, logStart) })
	reg.Collect(metrics.LogEndOffset, "Offset after the last of the log.", metrics.KindGauge, func(emit metrics.Emit) { s.eachLog(emit, logEnd) })
	reg.GaugeFunc(metrics.OfflineLogDirectories, "Log directories that have failed.", func() float64 { return float64(len(s.offlineDirectories())) })
	reg.Collect(metrics.LogDirectoryOffline, "1 for a log directory that has failed.", metrics.KindGauge, func(emit metrics.Emit) {
		for _, d := range s.storage.Dirs() {
			emit(bit(d.Err != nil), "logDirectory", d.Path)
		}
	})
}

// logValue is what is shown of each log.
type logValue int

const (
	logSize logValue = iota
	logStart
	logEnd
)

func (s *Server) eachLog(emit metrics.Emit, which logValue) {
	for l := range s.storage.Logs() {
		var value int64
		switch which {
		case logSize:
			value = l.Size()
		case logStart:
			value = l.LogStartOffset()
		case logEnd:
			value = l.LogEndOffset()
		}
		tp := l.TopicPartition()
		emit(float64(value), "topic", tp.Topic, "partition", strconv.Itoa(int(tp.Partition)))
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
