package server

import (
	"net/netip"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
)

// clientQuotas tells the quota manager which limits the cluster has. It implements metadata.Publisher.
type clientQuotas struct {
	manager     *quota.Manager
	connections *quota.Connections
	addressesOf func(host string) []netip.Addr
}

// OnMetadata takes over changed limits.
func (q clientQuotas) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	if len(delta.ChangedQuotas) == 0 {
		return
	}
	var all []quota.Limit
	addresses := make(map[netip.Addr]float64)
	for limit := range image.ClientQuotas() {
		if e, ok := quotaEntity(limit.Entity); ok {
			all = append(all, quota.Limit{Entity: e, Values: limit.Values})
		} else if rate, ok := limit.Values[quota.ConnectionCreationRate]; ok && len(limit.Entity) == 1 {
			for _, ip := range q.addresses(limit.Entity[0]) {
				addresses[ip] = rate
			}
		}
	}
	q.manager.Set(all)
	q.connections.SetAddresses(addresses)
}

// addresses are whom a limit for an address is for; the zero Addr stands for all others.
func (q clientQuotas) addresses(e metadata.QuotaEntity) []netip.Addr {
	if e.Name == nil {
		return []netip.Addr{{}}
	}
	return q.addressesOf(*e.Name)
}

// quotaEntity is ok for users and client ids; addresses have limits of their own kind.
func quotaEntity(parts []metadata.QuotaEntity) (e quota.Entity, ok bool) {
	for _, p := range parts {
		name := p.Name
		if name == nil {
			name = new("")
		}
		switch p.Type {
		case "user":
			e.User = name
		case "client-id":
			e.ClientID = name
		default:
			return e, false
		}
	}
	return e, true
}
