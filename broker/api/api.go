// Package api answers the requests of Kafka's protocol: one file for each API key, numbered as the protocol numbers them.
//
// Read [Handlers.Table] first: it is the list of everything a broker's listeners serve. A handler decodes nothing (package wire has done
// that) and keeps no state: it asks the machine that has it (replica, group, controller, metadata) and builds the answer.
// Every topic, partition, group or resource asked for gets a row in the answer, whatever went wrong with it.
//
// Where the work is the controller's, the request goes there whole and its answer comes back as it is: see [Handlers.forward].
package api

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/coordinator/group"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/wire"
)

// Controller is the broker's way to the active controller, in-process or over the network.
type Controller interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// ProducerIDs hands out producer ids that no one else has.
type ProducerIDs interface {
	Next(ctx context.Context) (int64, error)
}

// Loggers are the log levels that can be changed while the broker runs (config resource BROKER_LOGGER).
type Loggers interface {
	// Levels are the loggers by name and their levels (TRACE, DEBUG, INFO, WARN, ERROR, FATAL).
	Levels() map[string]string
	// Set changes a logger's level; "" gives it the root logger's again.
	Set(name, level string) error
}

// Deps are the machines that the handlers ask. All are needed.
type Deps struct {
	NodeID      ident.BrokerID
	Config      func() *config.Broker // the configuration in force now
	Layers      func() *config.Layers // what it was made of
	Metadata    *metadata.Store
	Controller  Controller
	Data        DataPlane
	Groups      *group.Service
	ProducerIDs ProducerIDs
	// InTouch waits until the broker has heard from the controller within its session; nil: it always has.
	InTouch func(ctx context.Context) error
	// ControllerHere reports whether the active controller is in this process; nil: it is.
	ControllerHere func() bool
	Quotas         *quota.Manager
	Loggers        Loggers
	Logger         *slog.Logger
}

// DataPlane serves the requests that touch logs; broker/replica's handlers in this package implement it.
type DataPlane interface {
	Rows() []wire.API
}

// Handlers answers the requests of a broker's listeners.
type Handlers struct {
	Deps
	table  *wire.Table
	topics topicWaiter
}

// NewHandlers makes the handlers. The caller subscribes them to the metadata store.
func NewHandlers(deps Deps) *Handlers {
	h := &Handlers{Deps: deps}
	h.table = wire.NewTable(h.rows())
	return h
}

// Table is what a broker's listeners serve.
func (h *Handlers) Table() *wire.Table { return h.table }

// rows lists the APIs. The upper bounds are Apache Kafka 4.3's; the lower ones reach further back where the record format allows
// (see docs/kafka.md).
func (h *Handlers) rows() []wire.API {
	rows := []wire.API{
		{Key: 3, Max: 13, Handle: h.metadata},
		{Key: 8, Max: 10, Handle: h.offsetCommit},
		{Key: 9, Max: 10, Handle: h.offsetFetch},
		{Key: 10, Max: 6, Handle: h.findCoordinator},
		{Key: 11, Max: 9, Handle: h.joinGroup},
		{Key: 12, Max: 4, Handle: h.heartbeat},
		{Key: 13, Max: 5, Handle: h.leaveGroup},
		{Key: 14, Max: 5, Handle: h.syncGroup},
		{Key: 15, Max: 6, Handle: h.describeGroups},
		{Key: 16, Max: 5, Handle: h.listGroups},
		{Key: 17, Max: 1, Handle: h.saslHandshake},
		{Key: 18, Max: 4, Handle: h.apiVersions, BeforeAuth: true},
		{Key: 19, Max: 7, Handle: h.createTopics},
		{Key: 20, Max: 6, Handle: h.deleteTopics},
		{Key: 22, Max: 5, Handle: h.initProducerID},
		{Key: 29, Min: 1, Max: 3, Handle: h.describeACLs},
		{Key: 30, Min: 1, Max: 3, Handle: h.createACLs},
		{Key: 31, Min: 1, Max: 3, Handle: h.deleteACLs},
		{Key: 32, Max: 4, Handle: h.describeConfigs},
		{Key: 33, Max: 2, Handle: h.alterConfigs},
		{Key: 36, Max: 2, Handle: h.saslAuthenticate},
		{Key: 37, Max: 3, Handle: h.forward},
		{Key: 38, Min: 1, Max: 3, Handle: h.delegationToken},
		{Key: 39, Min: 1, Max: 2, Handle: h.delegationToken},
		{Key: 40, Min: 1, Max: 2, Handle: h.delegationToken},
		{Key: 41, Min: 1, Max: 3, Handle: h.delegationToken},
		{Key: 42, Max: 2, Handle: h.deleteGroups},
		{Key: 43, Max: 2, Handle: h.forward},
		{Key: 44, Max: 1, Handle: h.incrementalAlterConfigs},
		{Key: 45, Max: 1, Handle: h.forward},
		{Key: 46, Max: 0, Handle: h.forward},
		{Key: 47, Max: 0, Handle: h.offsetDelete},
		{Key: 48, Max: 1, Handle: h.forward},
		{Key: 49, Max: 1, Handle: h.forward},
		{Key: 50, Max: 0, Handle: h.forward},
		{Key: 51, Max: 0, Handle: h.forward},
		{Key: 55, Max: 2, Handle: h.forward},
		{Key: 57, Max: 2, Handle: h.forward},
		{Key: 60, Max: 2, Handle: h.describeCluster},
		{Key: 64, Max: 0, Handle: h.forward},
		{Key: 68, Max: 1, Handle: h.consumerGroupHeartbeat},
		{Key: 69, Max: 1, Handle: h.consumerGroupDescribe},
		{Key: 74, Max: 1, Handle: h.listConfigResources},
		{Key: 75, Max: 0, Handle: h.describeTopicPartitions},
		{Key: 80, Max: 1, Handle: h.forward},
		{Key: 81, Max: 0, Handle: h.forward},
	}
	return append(rows, h.Data.Rows()...)
}

// groupContext is what the group coordinator wants to know about a client.
func groupContext(r *wire.Request) group.RequestContext {
	ctx := group.RequestContext{ClientHost: r.Conn.ClientHost()}
	if r.ClientID != nil {
		ctx.ClientID = *r.ClientID
	}
	return ctx
}
