package server

import (
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
)

// clientQuotas tells the quota manager which limits the cluster has. It implements metadata.Publisher.
type clientQuotas struct{ manager *quota.Manager }

// OnMetadata takes over changed limits.
func (q clientQuotas) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	if len(delta.ChangedQuotas) == 0 {
		return
	}
	var all []quota.Limit
	for limit := range image.ClientQuotas() {
		if e, ok := quotaEntity(limit.Entity); ok {
			all = append(all, quota.Limit{Entity: e, Values: limit.Values})
		}
	}
	q.manager.Set(all)
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
