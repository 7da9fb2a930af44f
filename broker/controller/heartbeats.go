package controller

import (
	"math"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// heartbeats is what the active controller knows of brokers from hearing them: when each was last heard of, how far it follows the
// metadata log, and how far its controlled shutdown is. None of it is replicated.
type heartbeats struct {
	sessionTimeout time.Duration
	brokers        map[ident.BrokerID]*brokerSession
}

type brokerSession struct {
	epoch          int64
	fenced         bool
	metadataOffset int64     // the offset that the broker said it had reached; -1: it didn't say yet
	shutdownOffset int64     // the records that moved its leaders away end here; -1: not shutting down
	registeredAt   int64     // the offset by which its registration is committed
	lastContact    time.Time // zero: the broker has no session
}

// brokerState is where a broker is between registration and shutdown.
type brokerState int8

const (
	stateFenced brokerState = iota
	stateUnfenced
	stateControlledShutdown
	stateShutdownNow
)

func (s brokerState) fenced() bool { return s == stateFenced || s == stateShutdownNow }

func newHeartbeats(sessionTimeout time.Duration) heartbeats {
	return heartbeats{sessionTimeout: sessionTimeout, brokers: make(map[ident.BrokerID]*brokerSession)}
}

// register starts to watch a broker, or takes note of its new registration. A new incarnation starts from nothing.
func (h *heartbeats) register(b *metadata.Broker) {
	s := h.brokers[b.ID]
	if s == nil || s.epoch != b.Epoch {
		s = &brokerSession{epoch: b.Epoch, metadataOffset: -1, shutdownOffset: -1, registeredAt: b.Epoch}
		h.brokers[b.ID] = s
	}
	h.setFenced(s, b.Fenced)
}

func (h *heartbeats) setFenced(s *brokerSession, fenced bool) {
	if s.fenced = fenced; fenced {
		s.shutdownOffset = -1
	}
}

// apply follows registrations as they are replayed.
func (h *heartbeats) apply(d *metadata.Delta) {
	for _, ch := range d.ChangedBrokers {
		if ch.New == nil {
			delete(h.brokers, ch.ID)
		} else {
			h.register(ch.New)
		}
	}
}

// contact notes that a broker was heard of.
func (h *heartbeats) contact(id ident.BrokerID, epoch int64, now time.Time) {
	if s := h.brokers[id]; s != nil && s.epoch == epoch {
		s.lastContact = now
	}
}

func (h *heartbeats) hasValidSession(id ident.BrokerID, epoch int64, now time.Time) bool {
	s := h.brokers[id]
	return s != nil && s.epoch == epoch && !s.lastContact.IsZero() && now.Sub(s.lastContact) <= h.sessionTimeout
}

// expire returns the lowest id of a broker whose session has run out, and ends that session.
func (h *heartbeats) expire(now time.Time) (lowest ident.BrokerID, ok bool) {
	lowest = math.MaxInt32
	for id, s := range h.brokers {
		if !s.lastContact.IsZero() && now.Sub(s.lastContact) > h.sessionTimeout && id < lowest {
			lowest, ok = id, true
		}
	}
	if ok {
		h.brokers[lowest].lastContact = time.Time{}
	}
	return lowest, ok
}

// firstExpiry is the moment when the first session will have run out; zero: there is none.
func (h *heartbeats) firstExpiry() time.Time {
	var first time.Time
	for _, s := range h.brokers {
		if !s.lastContact.IsZero() && (first.IsZero() || s.lastContact.Before(first)) {
			first = s.lastContact
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(h.sessionTimeout + 1) // the session is still good at its very end
}

// lowestActiveOffset is how far the slowest live broker follows the metadata log.
func (h *heartbeats) lowestActiveOffset() int64 {
	lowest := int64(math.MaxInt64)
	for _, s := range h.brokers {
		if !s.fenced && s.shutdownOffset < 0 {
			lowest = min(lowest, s.metadataOffset)
		}
	}
	return lowest
}

func (s *brokerSession) state() brokerState {
	switch {
	case s.shutdownOffset >= 0:
		return stateControlledShutdown
	case s.fenced:
		return stateFenced
	}
	return stateUnfenced
}
