package metadata

import (
	"strconv"

	"github.com/kgo-project/kgo/broker/ident"
)

// ConfigResourceType is the protocol's number for what a config belongs to.
type ConfigResourceType int8

// The types of Kafka. Broker-logger levels are never stored.
const (
	ConfigTopic         ConfigResourceType = 2
	ConfigBroker        ConfigResourceType = 4 // the name "" is the cluster-wide default
	ConfigBrokerLogger  ConfigResourceType = 8
	ConfigClientMetrics ConfigResourceType = 16
	ConfigGroup         ConfigResourceType = 32
)

// String is the type's name in Kafka's tools.
func (t ConfigResourceType) String() string {
	switch t {
	case ConfigTopic:
		return "topic"
	case ConfigBroker:
		return "broker"
	case ConfigBrokerLogger:
		return "broker-logger"
	case ConfigClientMetrics:
		return "client-metrics"
	case ConfigGroup:
		return "group"
	}
	return strconv.Itoa(int(t))
}

// ConfigResource names what a config belongs to.
type ConfigResource struct {
	Type ConfigResourceType
	Name string
}

// ProducerIDs says which producer ids are still free: all from Next on.
type ProducerIDs struct {
	BrokerID    ident.BrokerID // who got the last block
	BrokerEpoch int64
	Next        int64
}

// ScramMechanism is the protocol's number for a SCRAM mechanism.
type ScramMechanism int8

// The mechanisms of Kafka.
const (
	ScramUnknown ScramMechanism = 0
	ScramSHA256  ScramMechanism = 1
	ScramSHA512  ScramMechanism = 2
)

// ScramKey names a credential.
type ScramKey struct {
	User      string
	Mechanism ScramMechanism
}

// ScramCredential is what the server keeps of a SCRAM password (RFC 5802). Immutable.
type ScramCredential struct {
	Salt, StoredKey, ServerKey []byte
	Iterations                 int32
}

// ACL is an access control entry. The numbers are the protocol's. Immutable.
type ACL struct {
	ID             ident.UUID
	ResourceType   int8
	ResourceName   string
	PatternType    int8
	Principal      string
	Host           string
	Operation      int8
	PermissionType int8
}

// QuotaEntity is one part of what a quota applies to. A nil Name is the default of the type.
type QuotaEntity struct {
	Type string // user, client-id, ip
	Name *string
}

// ClientQuota is the limits of one entity. Immutable.
type ClientQuota struct {
	Entity []QuotaEntity // by type
	Values map[string]float64
}

// DelegationToken is a token without its secret, which is derived from delegation.token.secret.key. Immutable.
type DelegationToken struct {
	TokenID             string
	Owner, Requester    string
	Renewers            []string
	IssueTimestamp      int64
	MaxTimestamp        int64
	ExpirationTimestamp int64
}
