package controller

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
)

// usableBroker is a broker that may get replicas: registered, not shutting down, with a directory that is open to new ones.
type usableBroker struct {
	id     ident.BrokerID
	rack   string
	racked bool // false: the broker has no rack, which is a rack of its own kind
	fenced bool
}

// stripedPlacer spreads replicas over racks and brokers: each partition starts one rack further than the one before, and takes its replicas from
// consecutive racks, from each rack the next broker in turn. Unfenced brokers come before fenced ones, and the first replica, the preferred
// leader, is always unfenced. After as many partitions as there are unfenced brokers everything is shuffled, so that brokers don't always have the
// same followers.
type stripedPlacer struct {
	rand     *rand.Rand
	racks    []*placementRack
	total    int
	unfenced int
	offset   int // index of the rack that the next partition starts with
	epoch    int // partitions placed since the last shuffle
}

type placementRack struct {
	name             string
	racked           bool
	unfenced, fenced placementList
}

// placementList hands out brokers in turn: each partition (epoch) starts one further.
type placementList struct {
	brokers []ident.BrokerID
	epoch   int
	index   int
	offset  int
}

func newStripedPlacer(rnd *rand.Rand, brokers []usableBroker) *stripedPlacer {
	p := &stripedPlacer{rand: rnd, total: len(brokers)}
	for _, b := range brokers {
		i := slices.IndexFunc(p.racks, func(r *placementRack) bool { return r.name == b.rack && r.racked == b.racked })
		if i < 0 {
			i = len(p.racks)
			p.racks = append(p.racks, &placementRack{name: b.rack, racked: b.racked})
		}
		list := &p.racks[i].fenced
		if !b.fenced {
			list = &p.racks[i].unfenced
			p.unfenced++
		}
		list.brokers = append(list.brokers, b.id)
	}
	slices.SortFunc(p.racks, func(a, b *placementRack) int {
		if a.racked != b.racked {
			return map[bool]int{false: -1, true: 1}[a.racked]
		}
		return cmp.Compare(a.name, b.name)
	})
	for _, r := range p.racks {
		r.unfenced.initialize(rnd)
		r.fenced.initialize(rnd)
	}
	if len(p.racks) > 0 {
		p.offset = rnd.IntN(len(p.racks))
	}
	return p
}

// check returns the reason why partitions with this many replicas can't be placed.
func (p *stripedPlacer) check(replicationFactor int) error {
	switch {
	case replicationFactor <= 0:
		return failf(kerr.InvalidReplicationFactor, "Invalid replication factor %d: the replication factor must be positive.", replicationFactor)
	case p.unfenced == 0:
		return failf(kerr.InvalidReplicationFactor, "All brokers are currently fenced, or have all their log directories cordoned.")
	case replicationFactor > p.total:
		return failf(kerr.InvalidReplicationFactor, "The target replication factor of %d cannot be reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.", replicationFactor, p.total)
	}
	return nil
}

// place returns the replicas of the next partition. REQUIRES: check(replicationFactor) == nil.
func (p *stripedPlacer) place(replicationFactor int) []ident.BrokerID {
	if p.epoch == p.unfenced && p.unfenced > 1 {
		p.shuffle()
		p.epoch = 0
	}
	p.offset %= len(p.racks)
	replicas := make([]ident.BrokerID, 0, replicationFactor)
	first := p.offset
	for {
		if id, ok := p.racks[first].unfenced.next(p.epoch); ok {
			replicas = append(replicas, id)
			break
		}
		first = (first + 1) % len(p.racks)
	}
	for rack := p.offset; len(replicas) < replicationFactor; rack = (rack + 1) % len(p.racks) {
		if rack == first { // the leader's rack has had its turn in the first round
			first = -1
			continue
		}
		if id, ok := p.racks[rack].next(p.epoch); ok {
			replicas = append(replicas, id)
		}
	}
	p.epoch++
	p.offset++
	return replicas
}

func (p *stripedPlacer) shuffle() {
	p.rand.Shuffle(len(p.racks), func(i, j int) { p.racks[i], p.racks[j] = p.racks[j], p.racks[i] })
	for _, r := range p.racks {
		r.unfenced.shuffle(p.rand)
		r.fenced.shuffle(p.rand)
	}
}

func (r *placementRack) next(epoch int) (ident.BrokerID, bool) {
	if id, ok := r.unfenced.next(epoch); ok {
		return id, true
	}
	return r.fenced.next(epoch)
}

func (l *placementList) initialize(rnd *rand.Rand) {
	if len(l.brokers) > 0 {
		slices.Sort(l.brokers)
		l.offset = rnd.IntN(len(l.brokers))
	}
}

func (l *placementList) shuffle(rnd *rand.Rand) {
	rnd.Shuffle(len(l.brokers), func(i, j int) { l.brokers[i], l.brokers[j] = l.brokers[j], l.brokers[i] })
}

func (l *placementList) next(epoch int) (ident.BrokerID, bool) {
	if len(l.brokers) == 0 {
		return ident.NoBroker, false
	}
	if l.epoch != epoch {
		l.epoch, l.index, l.offset = epoch, 0, (l.offset+1)%len(l.brokers)
	}
	if l.index >= len(l.brokers) {
		return ident.NoBroker, false
	}
	id := l.brokers[(l.index+l.offset)%len(l.brokers)]
	l.index++
	return id, true
}
