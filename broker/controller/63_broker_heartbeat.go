package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// BrokerHeartbeat: v0-v2
//
// A broker says that it lives, how far it follows the metadata log, and what it wants: to be live, fenced, or to shut down.
//
//		             caught up, wants in                     wants to shut down, leads something
//		  FENCED ------------------------> UNFENCED ----------------------------------------> CONTROLLED SHUTDOWN
//		    |   <------------------------     |   wants to shut down, leads nothing                   |
//		    |     wants out, or silent        v                                                       v
//		    +----------------------------> SHUTDOWN NOW <---- leads nothing, all live brokers know it +
//
//	  - A broker is unfenced by the first heartbeat that shows it past its own registration.
//	  - A controlled shutdown is granted when the broker leads nothing any more and every live broker has seen the records that moved its leaders.
//	  - Directories that went offline leave the registration and their replicas leave the ISRs.
//
// v1: offline log directories (KIP-858). v2: cordoned log directories (KIP-1066).
func (c *call) brokerHeartbeat(req *kmsg.BrokerHeartbeatRequest) (Result, error) {
	b, err := c.checkBrokerEpoch(req.BrokerID, req.BrokerEpoch)
	if err != nil {
		return Result{}, err
	}
	s := c.heartbeats.brokers[b.ID]
	if s == nil {
		return Result{}, failf(kerr.BrokerIDNotRegistered, "Broker %d is not registered.", b.ID)
	}
	c.heartbeats.contact(b.ID, b.Epoch, c.now)
	current := s.state()
	next := c.nextState(s, b, req)
	if current != next {
		switch next {
		case stateFenced, stateShutdownNow:
			if !b.Fenced {
				c.fenceBroker(b)
			}
		case stateUnfenced:
			c.unfenceBroker(b)
		case stateControlledShutdown:
			c.startShutdown(b)
		}
	}
	c.heartbeats.setFenced(s, next.fenced())
	if next == stateShutdownNow {
		// DEVIATION(kafka): the broker asked to go and may; its session ends now, and its next incarnation need not wait for a timeout.
		s.lastContact = time.Time{}
	}
	s.metadataOffset = req.CurrentMetadataOffset
	if c.image.MetadataVersion().DirectoryAssignment() && len(req.OfflineLogDirs) > 0 {
		c.directoriesOffline(b, uuids(req.OfflineLogDirs))
	}
	if c.image.MetadataVersion().CordonedDirectories() && req.CordonedLogDirs != nil {
		c.directoriesCordoned(b, uuids(req.CordonedLogDirs))
	}
	if next == stateControlledShutdown && s.shutdownOffset < 0 {
		s.shutdownOffset = c.image.Provenance.LastOffset + int64(len(c.out))
	}
	resp := responseTo[*kmsg.BrokerHeartbeatResponse](req)
	resp.IsCaughtUp = req.CurrentMetadataOffset >= s.registeredAt
	resp.IsFenced = next.fenced()
	resp.ShouldShutdown = next == stateShutdownNow
	return Result{Records: c.out, Response: resp}, nil
}

func (c *call) nextState(s *brokerSession, b *metadata.Broker, req *kmsg.BrokerHeartbeatRequest) brokerState {
	leads := c.index.leaders[b.ID] > 0
	switch s.state() {
	case stateFenced:
		switch {
		case req.WantShutdown:
			return stateShutdownNow
		case b.InControlledShutdown:
			// DEVIATION(kafka): it said that it was leaving. Unfenced it would lead partitions again, as Apache Kafka allows, with a
			// registration that forbids it. A new registration makes it a broker again.
			return stateFenced
		case !req.WantFence && req.CurrentMetadataOffset >= s.registeredAt:
			return stateUnfenced
		}
		return stateFenced
	case stateUnfenced:
		switch {
		case req.WantFence && !req.WantShutdown:
			return stateFenced
		case req.WantFence, req.WantShutdown && !leads:
			return stateShutdownNow
		case req.WantShutdown:
			return stateControlledShutdown
		}
		return stateUnfenced
	case stateControlledShutdown, stateShutdownNow:
	}
	if req.WantFence && req.WantShutdown { // it is gone, in the middle of it
		return stateShutdownNow
	}
	if leads || s.shutdownOffset > c.heartbeats.lowestActiveOffset() {
		return stateControlledShutdown
	}
	return stateShutdownNow
}

func (c *call) directoriesCordoned(b *metadata.Broker, cordoned []ident.UUID) {
	if b.CordonedDirectories != nil && len(cordoned) == len(b.CordonedDirectories) &&
		!slices.ContainsFunc(cordoned, func(d ident.UUID) bool { return !slices.Contains(b.CordonedDirectories, d) }) {
		return
	}
	r := c.registrationChange(b)
	r.CordonedLogDirs = cordoned
	c.emit(r, 3)
}

func uuids(ids [][16]byte) []ident.UUID {
	out := make([]ident.UUID, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
