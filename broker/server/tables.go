package server

import (
	"slices"

	"github.com/kgo-project/kgo/broker/wire"
)

// defaultTable is what a listener serves that is nothing special.
func (s *Server) defaultTable() *wire.Table {
	if s.handlers != nil {
		return s.handlers.Table()
	}
	return wire.NewTable(nil)
}

// tableFor is what a listener serves: the controller's requests on its listeners, the broker's on all others.
func (s *Server) tableFor(listener string) *wire.Table {
	if slices.Contains(s.opts.Config.Network.ControllerListeners, listener) {
		return wire.NewTable(nil)
	}
	return s.defaultTable()
}
