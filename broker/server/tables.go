package server

import (
	"net"
	"slices"
	"strconv"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// listenerOf says what a socket serves: the controller's requests on its listeners, the broker's on all others.
func (s *Server) listenerOf(sock *socket) wire.Listener {
	l := wire.Listener{Name: sock.config.Name, Protocol: sock.config.Protocol}
	q, embedded := s.quorum.(*embeddedQuorum)
	switch {
	case !slices.Contains(s.opts.Config.Network.ControllerListeners, sock.config.Name) && s.handlers != nil:
		l.Table, l.TimeQuota = s.handlers.Table(), s.handlers.ChargeTime
	case embedded:
		l.Table = s.controllerHandlers(q, sock).Table()
		if f := s.opts.FourLetter; f != nil {
			l.FourLetter = func(word string) (string, bool) { return f(word, s) }
		}
	}
	return l
}

func (s *Server) controllerHandlers(q *embeddedQuorum, sock *socket) *api.ControllerHandlers {
	return &api.ControllerHandlers{
		NodeID: s.nodeID, Metadata: s.store, Submit: q.router.submit, SubmitHere: q.router.here, Brokers: q.brokers,
		Layers: s.state.layers, Loggers: s.opts.Loggers, Logger: s.opts.Loggers.Logger("kafka.request"),
		Log: func() api.MetadataLog {
			if n := q.late.node.Load(); n != nil {
				return n
			}
			return nil
		},
		Endpoint: metadata.Endpoint{Name: sock.config.Name, Host: advertisedHost(sock.config.Host), Port: uint16(sock.port())},
	}
}

// MetadataRecords is how many records of the metadata log this node has applied.
func (s *Server) MetadataRecords() int64 { return s.store.Current().Provenance.LastOffset + 1 }

// MetadataPosition is the leader epoch and the offset of the record that this node applied last, -1 where there is none.
func (s *Server) MetadataPosition() (epoch int32, offset int64) {
	p := s.store.Current().Provenance
	return p.LastEpoch, p.LastOffset
}

// LiveBroker is a broker that is alive, at its first listener.
type LiveBroker struct {
	ID      int32
	Epoch   int64
	Address string // host:port
}

// Brokers lists the brokers that are alive, as far as this node's metadata goes, by id.
func (s *Server) Brokers() []LiveBroker {
	var out []LiveBroker
	for b := range s.store.Current().Brokers() {
		if !b.Fenced && len(b.Endpoints) > 0 {
			e := b.Endpoints[0]
			out = append(out, LiveBroker{ID: int32(b.ID), Epoch: b.Epoch, Address: net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))})
		}
	}
	return out
}
