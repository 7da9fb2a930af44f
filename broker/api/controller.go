package api

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/wire"
)

// MetadataTopic is the metadata log's topic, as observers fetch it; its id is Kafka's.
const MetadataTopic = "__cluster_metadata"

// MetadataTopicID is the metadata log's topic id, which is the same in every cluster.
var MetadataTopicID = ident.TopicID{15: 1}

// ForwardingClientID is the client id by which members of the quorum forward requests to the leader. Such a request goes no further.
const ForwardingClientID = "kgo-controller"

// NodeClientID is that of the requests of a member's own broker, on a connection that ends when the broker does.
const NodeClientID = "kgo-node"

// DetourClientID is that of a member that raft tells nothing, and that therefore asks another. A member that knows no leader either doesn't send such a request on.
const DetourClientID = "kgo-detour"

// MetadataLog is the quorum node's log as observers read it: *quorum.Node.
type MetadataLog interface {
	Fetch(req quorum.FetchRequest) (quorum.FetchResponse, error)
	FetchSnapshot(id quorum.SnapshotID, position int64, maxBytes int) (data []byte, size int64, err error)
	WaitCommitted(ctx context.Context, offset int64) error
	Leader() (ident.BrokerID, int32)
	Voters() []quorum.Voter
}

// ControllerHandlers answers the requests of a controller's listeners: what brokers say and ask, the metadata log, and what administrators
// change. A tool that is pointed at this listener finds the cluster through it (the textbook's --zookeeper).
type ControllerHandlers struct {
	NodeID   ident.BrokerID
	Metadata *metadata.Store
	Log      func() MetadataLog // nil until the log is open
	// Submit has the active controller handle a request, wherever it is; SubmitHere this node's, if it is the active one.
	Submit     func(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error)
	SubmitHere func(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error)
	Brokers    *BrokerConnections
	Layers     func() *config.Layers // this node's configuration
	Loggers    Loggers
	// Endpoint is where this listener is reached.
	Endpoint metadata.Endpoint
	Logger   *slog.Logger
}

// Table is what the listener serves.
func (h *ControllerHandlers) Table() *wire.Table {
	rows := []wire.API{
		{Key: 1, Max: 18, Handle: h.fetch},
		{Key: 3, Max: 13, Handle: h.metadata},
		{Key: 18, Max: 4, BeforeAuth: true},
		{Key: 32, Max: 4, Handle: h.describeConfigs},
		{Key: 59, Max: 1, Handle: h.fetchSnapshot},
		{Key: 60, Max: 2, Handle: h.describeCluster},
	}
	for _, key := range []int16{19, 20, 29, 30, 31, 33, 37, 43, 44, 45, 46, 48, 49, 50, 51, 55, 56, 57, 62, 63, 64, 67, 70, 73, 80, 81, 82} {
		rows = append(rows, wire.API{Key: key, Max: kmsg.RequestForKey(key).MaxVersion(), Handle: h.submit})
	}
	table := new(wire.Table)
	for i := range rows {
		if rows[i].Key == 18 {
			rows[i].Handle = func(r *wire.Request) { answerVersions(r, table, h.Metadata) }
		}
	}
	*table = *wire.NewTable(rows)
	return table
}

// submit has the controller handle the request. The wait for the commit is not the connection's reader's.
func (h *ControllerHandlers) submit(r *wire.Request) {
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		detoured := r.ClientID != nil && *r.ClientID == DetourClientID
		if hb, ok := r.Body.(*kmsg.BrokerHeartbeatRequest); ok {
			h.Brokers.heard(r.Conn, hb, r.ClientID == nil || *r.ClientID != ForwardingClientID)
		}
		submit, forwarded := h.Submit, r.ClientID != nil && (*r.ClientID == ForwardingClientID || *r.ClientID == NodeClientID)
		if forwarded {
			submit = h.SubmitHere
		}
		resp, err := submit(ctx, &controller.Context{Principal: r.Conn.Principal().String(), Forwarded: forwarded, Detoured: detoured}, r.Body)
		if (forwarded || detoured) && errors.Is(err, controller.ErrNotController) {
			r.Close(err) // the member that forwarded it asks the next leader; no answer could say so in all kinds of requests alike
			return
		}
		if err != nil {
			resp = controller.ErrorResponse(r.Body, err)
		}
		r.Respond(resp)
	}()
}

// fetch gives observers the metadata log: one partition, committed batches only.
func (h *ControllerHandlers) fetch(r *wire.Request) {
	go func() { r.Respond(h.fetched(r.Conn.Context(), r.Body.(*kmsg.FetchRequest))) }()
}

func (h *ControllerHandlers) fetched(ctx context.Context, req *kmsg.FetchRequest) *kmsg.FetchResponse {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	log := h.Log()
	if len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1 || req.Topics[0].Partitions[0].Partition != 0 ||
		req.Topics[0].Topic != MetadataTopic && req.Topics[0].TopicID != MetadataTopicID {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return resp
	}
	if log == nil {
		resp.ErrorCode = kerr.BrokerNotAvailable.Code
		return resp
	}
	asked := req.Topics[0].Partitions[0]
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic, topic.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
	out := kmsg.NewFetchResponseTopicPartition()
	out.AbortedTransactions = nil
	want := quorum.FetchRequest{Offset: asked.FetchOffset, LastFetchedEpoch: asked.LastFetchedEpoch, MaxBytes: int(req.MaxBytes)}
	want.ReplicaID, want.DirectoryID = ident.BrokerID(max(req.ReplicaID, req.ReplicaState.ID)), asked.ReplicaDirectoryID
	got, err := log.Fetch(want)
	if err == nil && got.Records != nil && got.Records.Size() == 0 && req.MaxWaitMillis > 0 {
		got.Records.Release()
		wait, cancel := context.WithTimeout(ctx, time.Duration(req.MaxWaitMillis)*time.Millisecond)
		_ = log.WaitCommitted(wait, asked.FetchOffset) // a time-out is an empty answer
		cancel()
		got, err = log.Fetch(want)
	}
	if err == nil && got.Records != nil {
		out.RecordBatches, err = got.Records.Bytes(nil)
		got.Records.Release()
	}
	out.ErrorCode = wire.ErrorCode(err)
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = got.HighWatermark, got.HighWatermark, got.LogStartOffset
	out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = int32(got.Leader), got.LeaderEpoch
	if got.Diverging != nil {
		out.DivergingEpoch.Epoch, out.DivergingEpoch.EndOffset = got.Diverging.Epoch, got.Diverging.EndOffset
	}
	if got.Snapshot != nil {
		out.SnapshotID.EndOffset, out.SnapshotID.Epoch = got.Snapshot.EndOffset, got.Snapshot.LeaderEpoch
	}
	topic.Partitions = append(topic.Partitions, out)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

// fetchSnapshot gives observers a snapshot of the metadata log, piece by piece.
func (h *ControllerHandlers) fetchSnapshot(r *wire.Request) {
	req := r.Body.(*kmsg.FetchSnapshotRequest)
	resp := req.ResponseKind().(*kmsg.FetchSnapshotResponse)
	log := h.Log()
	if log == nil || len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1 || req.Topics[0].Topic != MetadataTopic {
		resp.ErrorCode = kerr.InvalidRequest.Code
		r.Respond(resp)
		return
	}
	asked := req.Topics[0].Partitions[0]
	topic := kmsg.NewFetchSnapshotResponseTopic()
	topic.Topic = MetadataTopic
	out := kmsg.NewFetchSnapshotResponseTopicPartition()
	out.SnapshotID.EndOffset, out.SnapshotID.Epoch = asked.SnapshotID.EndOffset, asked.SnapshotID.Epoch
	leader, epoch := log.Leader()
	out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = int32(leader), epoch
	data, size, err := log.FetchSnapshot(quorum.SnapshotID{EndOffset: asked.SnapshotID.EndOffset, LeaderEpoch: asked.SnapshotID.Epoch}, asked.Position, int(req.MaxBytes))
	switch {
	case errors.Is(err, quorum.ErrSnapshotNotFound):
		out.ErrorCode = kerr.SnapshotNotFound.Code
	case err != nil:
		out.ErrorCode = kerr.PositionOutOfRange.Code
	default:
		out.Size, out.Position, out.Bytes = size, asked.Position, data
	}
	topic.Partitions = append(topic.Partitions, out)
	resp.Topics = append(resp.Topics, topic)
	r.Respond(resp)
}

func (h *ControllerHandlers) describeConfigs(r *wire.Request) {
	d := configDescriber{nodeID: h.NodeID, layers: h.Layers(), loggers: h.Loggers}
	r.Respond(d.describe(h.Metadata.Current(), r.Body.(*kmsg.DescribeConfigsRequest)))
}

// describeCluster describes the controllers, or, to a tool that came here for the cluster, its brokers.
func (h *ControllerHandlers) describeCluster(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeClusterRequest)
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	image := h.Metadata.Current()
	resp.ClusterID, resp.EndpointType = image.ClusterID, req.EndpointType
	resp.ControllerID = h.leader()
	resp.ClusterAuthorizedOperations = authorizedOperations(req.IncludeClusterAuthorizedOperations, clusterOperations)
	add := func(id ident.BrokerID, e metadata.Endpoint, rack *string, fenced bool) {
		row := kmsg.NewDescribeClusterResponseBroker()
		row.NodeID, row.Host, row.Port, row.Rack, row.IsFenced = int32(id), e.Host, int32(e.Port), rack, fenced
		resp.Brokers = append(resp.Brokers, row)
	}
	if req.EndpointType == endpointTypeControllers {
		for _, v := range h.voters() {
			add(v.ID, metadata.Endpoint{Host: v.Endpoints[0].Host, Port: v.Endpoints[0].Port}, nil, false)
		}
		if len(resp.Brokers) == 0 {
			add(h.NodeID, h.Endpoint, nil, false)
		}
		r.Respond(resp)
		return
	}
	for b := range image.Brokers() {
		if len(b.Endpoints) > 0 && (!b.Fenced || req.IncludeFencedBrokers) {
			add(b.ID, b.Endpoints[0], b.Rack, b.Fenced)
		}
	}
	r.Respond(resp)
}

// metadata sends a client that came to the controller on to the brokers: it lists them, and the topics that were asked for.
func (h *ControllerHandlers) metadata(r *wire.Request) {
	req := r.Body.(*kmsg.MetadataRequest)
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	image := h.Metadata.Current()
	resp.ClusterID, resp.ControllerID = new(image.ClusterID), -1
	for b := range image.Brokers() {
		if b.Fenced || len(b.Endpoints) == 0 {
			continue
		}
		row := kmsg.NewMetadataResponseBroker()
		row.NodeID, row.Host, row.Port, row.Rack = int32(b.ID), b.Endpoints[0].Host, int32(b.Endpoints[0].Port), b.Rack
		resp.Brokers = append(resp.Brokers, row)
		resp.ControllerID = row.NodeID
	}
	topics := image.SortedTopics()
	if req.Topics != nil && (r.Version > 0 || len(req.Topics) > 0) {
		topics = slices.DeleteFunc(topics, func(t *metadata.Topic) bool {
			return !slices.ContainsFunc(req.Topics, func(a kmsg.MetadataRequestTopic) bool {
				return a.Topic != nil && *a.Topic == t.Name || a.Topic == nil && a.TopicID == t.ID
			})
		})
	}
	for _, t := range topics {
		resp.Topics = append(resp.Topics, metadataTopic(r, image, firstListener, t))
	}
	r.Respond(resp)
}

// firstListener stands for whichever listener a broker names first.
const firstListener = ""

func (h *ControllerHandlers) leader() int32 {
	if log := h.Log(); log != nil {
		leader, _ := log.Leader()
		return int32(leader)
	}
	return int32(ident.NoBroker)
}

// voters are the quorum's members whose addresses are known.
func (h *ControllerHandlers) voters() []quorum.Voter {
	log := h.Log()
	if log == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(log.Voters()), func(v quorum.Voter) bool { return len(v.Endpoints) == 0 })
}
