package api

// Metadata, v0-v13: which brokers there are, which topics, and who leads each partition.
//
//   - The brokers listed are the live ones that have the listener the client came through; so are the leaders' addresses.
//   - v0 an empty topic list means all topics; v1 null does, and empty means none.
//   - v4 allow_auto_topic_creation; before it, asking is creating. A topic that is being created is answered UNKNOWN_TOPIC_OR_PARTITION:
//     the client asks again.
//   - v5 offline replicas; v7 leader epochs; v8 authorized operations (KIP-430); v10 topic ids (KIP-516), v12 topics by id.
//   - v13 a top-level error code (KIP-1102), never set here: it asks clients to bootstrap anew.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) metadata(r *wire.Request) {
	req := r.Body.(*kmsg.MetadataRequest)
	image := h.Metadata.Current()
	listener := r.Conn.Listener().Name
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	resp.ClusterID = new(image.ClusterID)
	resp.ControllerID = h.anyBroker(image, listener)
	resp.AuthorizedOperations = authorizedOperations(req.IncludeClusterAuthorizedOperations, clusterOperations)
	resp.Brokers = metadataBrokers(image, listener)
	if all := req.Topics == nil && r.Version > 0 || len(req.Topics) == 0 && r.Version == 0; all {
		for _, t := range image.SortedTopics() {
			resp.Topics = append(resp.Topics, metadataTopic(r, image, listener, t))
		}
	}
	byID := slices.ContainsFunc(req.Topics, func(t kmsg.MetadataRequestTopic) bool { return t.TopicID != ident.TopicID{} })
	if byID && r.Version < 12 {
		r.Respond(metadataError(req, kerr.InvalidRequest))
		return
	}
	var missing []string
	seen := make(map[metadataKey]bool, len(req.Topics))
	for _, asked := range req.Topics {
		key := metadataKey{id: asked.TopicID}
		if asked.Topic != nil && !byID {
			key.name = *asked.Topic
		}
		if _, again := seen[key]; again || byID && asked.TopicID == (ident.TopicID{}) {
			continue // each topic once; names beside ids are not looked at
		}
		seen[key] = true
		t, row := findTopic(image, asked.Topic, asked.TopicID, req.IncludeTopicAuthorizedOperations)
		if t != nil {
			row = metadataTopic(r, image, listener, t)
		} else if row.ErrorCode == kerr.UnknownTopicOrPartition.Code && (r.Version < 4 || req.AllowAutoTopicCreation) && h.Config().Topics.AutoCreate {
			missing = append(missing, *asked.Topic)
		}
		resp.Topics = append(resp.Topics, row)
	}
	if len(missing) == 0 {
		r.Respond(resp)
		return
	}
	go func() {
		for name, err := range h.autoCreate(r.Conn.Context(), r, missing) {
			i := slices.IndexFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool { return t.Topic != nil && *t.Topic == name })
			resp.Topics[i].ErrorCode = wire.ErrorCode(err)
		}
		r.Respond(resp)
	}()
}

// metadataKey is what a topic was asked by.
type metadataKey struct {
	name string
	id   ident.TopicID
}

// metadataError says err of each topic: before version 13 the response has no error of its own.
func metadataError(req *kmsg.MetadataRequest, err *kerr.Error) *kmsg.MetadataResponse {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	resp.ControllerID = -1
	for _, t := range req.Topics {
		row := kmsg.NewMetadataResponseTopic()
		row.Topic, row.TopicID, row.ErrorCode = new(valueOr(t.Topic, "")), t.TopicID, err.Code
		resp.Topics = append(resp.Topics, row)
	}
	return resp
}

// findTopic looks a topic up by id, or by name where the id is zero; without it, the row says what is wrong.
func findTopic(image *metadata.Image, name *string, id ident.TopicID, operations bool) (*metadata.Topic, kmsg.MetadataResponseTopic) {
	row := kmsg.NewMetadataResponseTopic()
	row.Topic, row.TopicID = name, id
	if name == nil || id != (ident.TopicID{}) {
		row.Topic = nil
		if t := image.TopicByID(id); t != nil {
			return t, row
		}
		row.ErrorCode = kerr.UnknownTopicID.Code
		return nil, row
	}
	row.IsInternal = isInternalTopic(*name)
	row.AuthorizedOperations = authorizedOperations(operations, topicOperations)
	if t := image.Topic(*name); t != nil {
		return t, row
	}
	row.ErrorCode = kerr.UnknownTopicOrPartition.Code
	if validateTopicName(*name) != nil {
		row.ErrorCode = kerr.InvalidTopicException.Code
	}
	return nil, row
}

func metadataTopic(r *wire.Request, image *metadata.Image, listener string, t *metadata.Topic) kmsg.MetadataResponseTopic {
	row := kmsg.NewMetadataResponseTopic()
	row.Topic, row.TopicID, row.IsInternal = new(t.Name), t.ID, isInternalTopic(t.Name)
	row.AuthorizedOperations = authorizedOperations(r.Body.(*kmsg.MetadataRequest).IncludeTopicAuthorizedOperations, topicOperations)
	row.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for i, p := range t.Partitions {
		out := &row.Partitions[i]
		*out = kmsg.NewMetadataResponseTopicPartition()
		out.Partition, out.LeaderEpoch = int32(i), p.LeaderEpoch
		out.Replicas, out.ISR = brokerIDs(p.Replicas), brokerIDs(p.Isr)
		out.OfflineReplicas = offlineReplicas(image, listener, p)
		out.Leader = int32(p.Leader)
		if p.Leader == ident.NoBroker {
			out.ErrorCode = kerr.LeaderNotAvailable.Code
		} else if !reachable(image, p.Leader, listener) {
			out.Leader, out.ErrorCode = -1, kerr.LeaderNotAvailable.Code
			if r.Version >= 6 {
				out.ErrorCode = kerr.ListenerNotFound.Code
			}
		}
	}
	return row
}

// reachable reports whether a client of this listener can be sent to the broker.
func reachable(image *metadata.Image, id ident.BrokerID, listener string) bool {
	b := image.Broker(id)
	if b == nil || b.Fenced {
		return false
	}
	if listener == firstListener {
		return len(b.Endpoints) > 0
	}
	_, ok := b.Endpoint(listener)
	return ok
}

// offlineReplicas are the replicas on brokers that are gone, fenced or without the listener, and on failed directories.
func offlineReplicas(image *metadata.Image, listener string, p *metadata.Partition) []int32 {
	offline := []int32{}
	for _, id := range p.Replicas {
		if !reachable(image, id, listener) || !image.Broker(id).HasOnlineDirectory(p.Directory(id)) {
			offline = append(offline, int32(id))
		}
	}
	return offline
}

func metadataBrokers(image *metadata.Image, listener string) []kmsg.MetadataResponseBroker {
	var rows []kmsg.MetadataResponseBroker
	for b := range image.Brokers() {
		e, ok := b.Endpoint(listener)
		if b.Fenced || !ok {
			continue
		}
		row := kmsg.NewMetadataResponseBroker()
		row.NodeID, row.Host, row.Port, row.Rack = int32(b.ID), e.Host, int32(e.Port), b.Rack
		rows = append(rows, row)
	}
	return rows
}

// anyBroker is whom clients should take for the controller: a live broker, which forwards what is the controller's. This one if it lives.
func (h *Handlers) anyBroker(image *metadata.Image, listener string) int32 {
	if reachable(image, h.NodeID, listener) {
		return int32(h.NodeID)
	}
	for b := range image.Brokers() {
		if reachable(image, b.ID, listener) {
			return int32(b.ID)
		}
	}
	return int32(ident.NoBroker)
}

func brokerIDs(ids []ident.BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}

// autoCreate asks the controller for topics with the broker's defaults and returns, by name, the error each must be answered with.
func (h *Handlers) autoCreate(ctx context.Context, r *wire.Request, names []string) map[string]error {
	answers := make(map[string]error, len(names))
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.TimeoutMillis = req.MaxVersion(), int32(forwardTimeout.Milliseconds())
	for _, name := range names {
		answers[name] = kerr.UnknownTopicOrPartition
		req.Topics = append(req.Topics, h.newTopic(name))
	}
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	resp, err := h.Controller.Request(ctx, req)
	if err != nil {
		h.Logger.Warn("topics could not be created automatically", "client", r.Conn.RemoteAddr().String(), "topics", len(names), "first", names[0], "error", err)
		return answers
	}
	for _, t := range resp.(*kmsg.CreateTopicsResponse).Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case err == nil, errors.Is(err, kerr.TopicAlreadyExists), errors.Is(err, kerr.RequestTimedOut), errors.Is(err, kerr.NotController):
		default:
			if t.ErrorMessage != nil {
				err = fmt.Errorf("%w: %s", err, *t.ErrorMessage)
			}
			answers[t.Topic] = err
		}
	}
	return answers
}
