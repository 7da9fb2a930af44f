package replica

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/storage"
)

// fault does something bad, or nothing.
func (s *sim) fault() {
	if s.calm {
		return
	}
	n := s.nodes[s.rnd.IntN(3)]
	switch s.rnd.IntN(8) {
	case 0, 1:
		if n.up && !s.lossUnnoticed() {
			n.crash(100)
			s.after(s.jitter(2*time.Second), n.start)
		}
	case 2: // at most one replica loses what it had: more would be more than acks=all promises
		if s.whole0() {
			s.lost = n.identity
			n.crash(s.rnd.IntN(100))
			s.after(s.jitter(2*time.Second), n.start)
		}
	case 3:
		n.asleep = time.Now().Add(s.jitter(2500 * time.Millisecond))
		s.logf("node %d sleeps until %s", n.id, n.asleep.Format("05.000"))
	case 4, 5:
		a, b := s.rnd.IntN(4), s.rnd.IntN(4)
		until := time.Now().Add(s.jitter(2500 * time.Millisecond))
		s.cuts[[2]int{min(a, b), max(a, b)}] = until
		s.logf("link %d-%d is cut until %s", a, b, until.Format("05.000"))
	case 6:
		if s.rnd.IntN(4) == 0 && !s.lossUnnoticed() {
			for _, m := range s.nodes {
				if m.up {
					m.crash(100)
					s.after(s.jitter(time.Second), m.start)
				}
			}
		}
	}
}

// lossUnnoticed reports whether the controller still counts on a broker that has lost power and with it records: its ISR or ELR has it, or it may come back as
// the last leader known. If all others die at that moment, it leads with what it has: more than acks=all promises, in Apache Kafka too.
func (s *sim) lossUnnoticed() bool {
	image := s.core.Image()
	if slices.ContainsFunc(s.nodes, func(n *simNode) bool {
		b := image.Broker(n.id)
		return b != nil && b.IncarnationID == s.lost
	}) {
		return true
	}
	for id := range int32(simPartitions) {
		if mp := image.Partition(simTopic, id); mp != nil && mp.Leader < 0 {
			return true
		}
	}
	return false
}

func (s *sim) heal() {
	s.calm = true
	clear(s.cuts)
	for _, n := range s.nodes {
		n.asleep = time.Time{}
	}
	s.logf("all is well from now on")
}

// whole0 reports whether all replicas are in sync, in their brokers' present lives.
func (s *sim) whole0() bool {
	image := s.core.Image()
	for _, n := range s.nodes {
		b := image.Broker(n.id)
		if !n.up || !b.Active() || b.IncarnationID != n.identity {
			return false
		}
	}
	for id := range int32(simPartitions) {
		if mp := image.Partition(simTopic, id); mp == nil || len(mp.Isr) < 3 {
			return false
		}
	}
	return true
}

// whole reports whether all replicas are in sync, and say the same.
func (s *sim) whole() bool {
	if !s.whole0() {
		return false
	}
	for id := range int32(simPartitions) {
		var first State
		for i, n := range s.nodes {
			p, err := n.manager.Partition(tpOf(simTopic, id))
			if err != nil {
				return false
			}
			st := p.State()
			if i == 0 {
				first = st
			}
			if st.LogEndOffset != first.LogEndOffset || st.HighWatermark != st.LogEndOffset || st.LeaderEpoch != first.LeaderEpoch {
				return false
			}
		}
	}
	return true
}

func (s *sim) describe() string {
	var out bytes.Buffer
	for id := range int32(simPartitions) {
		if mp := s.core.Image().Partition(simTopic, id); mp != nil {
			fmt.Fprintf(&out, "\npartition %d: leader %d epoch %d isr %v elr %v", id, mp.Leader, mp.LeaderEpoch, mp.Isr, mp.Elr)
		}
		for _, n := range s.nodes {
			if n.manager == nil {
				continue
			}
			if p, err := n.manager.Partition(tpOf(simTopic, id)); err == nil {
				st := p.State()
				fmt.Fprintf(&out, "\n  node %d (up %t, %+v): leading %t epoch %d isr %v hw %d end %d", n.id, n.up, s.core.Image().Broker(n.id).Active(), st.Leading, st.LeaderEpoch, st.Isr, st.HighWatermark, st.LogEndOffset)
			}
		}
	}
	return out.String()
}

// check looks at what one node says now.
func (n *simNode) check() {
	h := n.s.history
	for _, p := range n.manager.Partitions() {
		st := p.State()
		at := simEpoch{p.tp, st.LeaderEpoch}
		if st.Leading && h.leads(at, n.self()) {
			n.s.logf("node %d leads %s in epoch %d, from offset %d", n.id, p.tp, st.LeaderEpoch, st.LogEndOffset)
			// One that was asleep may begin late with an epoch that is over, and then needs no more than what was acknowledged before it.
			h.has(at, n.self(), n.values(p, 0, p.log.Load().LogEndOffset()))
		}
		h.watermark(at, n.self(), st.HighWatermark)
		// What a broker that lost power knows of its high watermark may be of records that it lost, until it leads or has heard from who does.
		if from := n.checked[p.tp]; st.HighWatermark > from && (st.Leading || n.told[p.tp]) {
			h.prefix(p.tp, n.self(), from, st.HighWatermark, n.values(p, from, st.HighWatermark))
			n.checked[p.tp] = st.HighWatermark
		}
	}
}

// compare checks in the end that all replicas are the same, with leader epochs, and that everything acknowledged is there.
func (s *sim) compare() {
	for id := range int32(simPartitions) {
		var first []storage.EpochEntry
		var values map[int64]string
		for i, n := range s.nodes {
			p, err := n.manager.Partition(tpOf(simTopic, id))
			if err != nil {
				s.t.Fatal(err)
			}
			log := p.log.Load()
			have := n.values(p, 0, log.LogEndOffset())
			s.history.has(simEpoch{p.tp, math.MaxInt32}, n.self(), have)
			entries := slices.DeleteFunc(log.EpochEntries(), func(e storage.EpochEntry) bool {
				return e.StartOffset >= log.LogEndOffset() || log.EpochForOffset(e.StartOffset) != e.LeaderEpoch // without records
			})
			if i == 0 {
				first, values = entries, have
				continue
			}
			s.history.agree(p.tp, s.nodes[0].self(), n.self(), first, entries, values, have)
		}
	}
}

func (n *simNode) self() simLife { return simLife{n.id, n.life} }
