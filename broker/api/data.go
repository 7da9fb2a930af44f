package api

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/metrics"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// Data answers the requests that touch logs. It is the DataPlane of a broker.
type Data struct {
	Replica  *replica.Manager
	Metadata *metadata.Store
	// FetchMaxBytes is fetch.max.bytes: no answer to a fetch is larger, but for a single batch that is.
	FetchMaxBytes int
	// Allowed asks the access rules; nil: everything is allowed.
	Allowed func(r *wire.Request, operation, resourceType int8, name string) bool
	// Quotas are the clients' rates.
	Quotas *quota.Manager
	// Traffic counts what topics take and give; nil: nobody asks.
	Traffic *metrics.Topics
	Logger  *slog.Logger
}

// Kinds of resources of access rules, by the protocol's numbers.
const (
	resourceTopic           int8 = 2
	resourceCluster         int8 = 4
	resourceTransactionalID int8 = 5
)

// clusterName is the one resource of the kind resourceCluster.
const clusterName = "kafka-cluster"

// adminClientID is the client id with which internal topics may be written: that of Kafka's own tools inside the broker.
const adminClientID = "__admin_client"

// Rows lists the requests and the versions that Data answers. Versions that Apache Kafka 4 has dropped are served as long as clients of
// 2.x speak them: Produce and Fetch before the current record format, ListOffsets v0, OffsetForLeaderEpoch v0-v1.
func (d *Data) Rows() []wire.API {
	return []wire.API{
		{Key: 0, Max: 13, Handle: d.Produce, Borrow: true},
		{Key: 1, Max: 18, Handle: d.Fetch, Borrow: true},
		{Key: 2, Max: 11, Handle: d.ListOffsets},
		{Key: 21, Max: 2, Handle: d.DeleteRecords},
		{Key: 23, Max: 4, Handle: d.OffsetForLeaderEpoch},
		{Key: 34, Max: 2, Handle: d.AlterReplicaLogDirs},
		{Key: 35, Max: 5, Handle: d.DescribeLogDirs},
		{Key: 61, Max: 0, Handle: d.DescribeProducers},
	}
}

// allowed reports whether the client may do operation on a resource.
func (d *Data) allowed(r *wire.Request, operation, resourceType int8, name string) bool {
	return d.Allowed == nil || d.Allowed(r, operation, resourceType, name)
}

func (d *Data) topicAllowed(r *wire.Request, operation int8, topic string) bool {
	return d.allowed(r, operation, resourceTopic, topic)
}

// endpoint is where clients of a listener reach a broker.
type endpoint struct {
	id   ident.BrokerID
	host string
	port int32
	rack *string
}

// endpoints collects the addresses of the leaders that clients are referred to (KIP-951), each once.
type endpoints struct {
	image    *metadata.Image
	listener string
	list     []endpoint
}

// add notes a leader and reports whether it is a broker that clients of the listener can reach.
func (e *endpoints) add(hint replica.LeaderHint) bool {
	if hint == replica.NoHint {
		return false
	}
	for _, known := range e.list {
		if known.id == hint.LeaderID {
			return true
		}
	}
	b := e.image.Broker(hint.LeaderID)
	if b == nil {
		return true // the epoch is still worth telling
	}
	if at, ok := b.Endpoint(e.listener); ok {
		e.list = append(e.list, endpoint{id: b.ID, host: at.Host, port: int32(at.Port), rack: b.Rack})
	}
	return true
}

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

func clientIDOf(r *wire.Request) string {
	if r.ClientID == nil {
		return ""
	}
	return *r.ClientID
}

// respondKind returns an empty response of the right type.
func respondKind[T kmsg.Response](r *wire.Request) T { return r.Body.ResponseKind().(T) }
