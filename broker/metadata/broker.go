package metadata

import (
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
)

// Endpoint is a listener of a broker or a controller, as it advertises it.
type Endpoint struct {
	Name             string // listener name
	Host             string
	Port             uint16
	SecurityProtocol SecurityProtocol
}

// SecurityProtocol is the protocol's number for a listener's security.
type SecurityProtocol int16

// The protocols of Kafka.
const (
	Plaintext     SecurityProtocol = 0
	SSL           SecurityProtocol = 1
	SASLPlaintext SecurityProtocol = 2
	SASLSSL       SecurityProtocol = 3
)

// FeatureRange is the levels of a feature that a node can work with.
type FeatureRange struct {
	Name     string
	Min, Max int16
}

// Broker is a broker's registration. Immutable.
type Broker struct {
	ID                   ident.BrokerID
	Epoch                int64 // the offset of its registration record: a restarted broker has a higher one
	IncarnationID        ident.UUID
	Endpoints            []Endpoint
	Features             []FeatureRange // by name
	Rack                 *string
	Fenced               bool
	InControlledShutdown bool
	Directories          []ident.UUID // online log directories, ascending
	CordonedDirectories  []ident.UUID // directories that get no new replicas; nil until the broker says (KIP-1066)
}

// Endpoint returns the listener of this name.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.Name == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

// Feature returns the range of a feature that the broker supports.
func (b *Broker) Feature(name string) (FeatureRange, bool) { return findFeature(b.Features, name) }

// Active reports whether the broker may lead: it is registered, not fenced and not shutting down.
func (b *Broker) Active() bool { return b != nil && !b.Fenced && !b.InControlledShutdown }

// HasOnlineDirectory reports whether the directory is among the broker's good ones. Reserved ids other than DirectoryLost count as
// online: nothing bad is known of them; and so does every directory of a broker that registered none.
func (b *Broker) HasOnlineDirectory(id ident.UUID) bool {
	if len(b.Directories) == 0 || slices.Contains(b.Directories, id) {
		return true
	}
	return DirectoryReserved(id) && id != DirectoryLost
}

// Controller is a quorum member's registration. Immutable.
type Controller struct {
	ID            ident.BrokerID
	IncarnationID ident.UUID
	Endpoints     []Endpoint
	Features      []FeatureRange
}

// Feature returns the range of a feature that the controller supports.
func (c *Controller) Feature(name string) (FeatureRange, bool) { return findFeature(c.Features, name) }

func findFeature(all []FeatureRange, name string) (FeatureRange, bool) {
	for _, f := range all {
		if f.Name == name {
			return f, true
		}
	}
	return FeatureRange{}, false
}
