package server

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/wire"
)

// limitConnections puts the limits of connections into force.
func (s *Server) limitConnections(cfg *config.Broker) {
	n := cfg.Network
	limits := wire.Limits{
		MaxConnections: n.MaxConnections, MaxConnectionsPerIP: n.MaxConnectionsPerIP, PerIPOverrides: make(map[netip.Addr]int), PerListener: make(map[string]int),
		Protected: n.InterBroker, Apart: n.ControllerListeners,
	}
	if n.MaxConnectionsPerIP == 0 {
		limits.MaxConnectionsPerIP = -1 // nobody but those with a limit of their own
	}
	for host, limit := range n.PerIPOverrides {
		for _, ip := range s.addressesOf(host) {
			limits.PerIPOverrides[ip] = limit
		}
	}
	rates := quota.ConnectionLimits{Broker: n.MaxConnectionCreates, PerListener: make(map[string]int)}
	for _, l := range n.Listeners {
		if limit := cfg.ForListener(l.Name, "max.connections", 0); limit > 0 {
			limits.PerListener[l.Name] = limit
		}
		if rate := cfg.ForListener(l.Name, "max.connection.creation.rate", 0); rate > 0 {
			rates.PerListener[l.Name] = rate
		}
	}
	if s.incoming != nil {
		s.incoming.SetLimits(rates)
		limits.Rates = s.incoming
	}
	s.wire.SetLimits(limits)
}

// lookupPatience bounds how long a name in the configuration may take to become addresses.
const lookupPatience = 2 * time.Second

// addressesOf are the addresses of a host: its own if it is one, else those that its name has now.
func (s *Server) addressesOf(host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupPatience)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		s.log.Warn("a limit of connections is for a host that has no address; it holds for nobody", "host", host, "error", err)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found
}
