package api

// FindCoordinator, v0-v6: which broker coordinates a group.
//
//   - A group's coordinator leads its partition of __consumer_offsets, which is created when it is first asked for. Apache Kafka answers
//     COORDINATOR_NOT_AVAILABLE until the topic is there; we wait for it, a moment at most, as it saves clients a back-off.
//   - v4 several keys in one request (KIP-699); v5 TRANSACTION_ABORTABLE; v6 share coordinators (KIP-932).
//
// Not implemented: transaction and share coordinators; asking for one is an INVALID_REQUEST.

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

// coordinatorWait is how long a client waits for the offsets topic's creation before it is told to ask again.
const coordinatorWait = 2 * time.Second

// Kinds of coordinators, by the protocol's numbers.
const (
	coordinatorTypeGroup       = 0
	coordinatorTypeTransaction = 1
	coordinatorTypeShare       = 2
)

func (h *Handlers) findCoordinator(r *wire.Request) {
	if h.Metadata.Current().Topic(offsetsTopic) != nil {
		h.answerFindCoordinator(r)
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), coordinatorWait)
		defer cancel()
		err := h.autoCreate(ctx, r, []string{offsetsTopic})[offsetsTopic]
		if errors.Is(err, kerr.UnknownTopicOrPartition) { // it is being made
			_, err = h.awaitTopic(ctx, offsetsTopic)
		}
		if err != nil {
			h.Logger.Warn("the offsets topic is not there yet", "client", r.Conn.RemoteAddr().String(), "error", err)
		}
		h.answerFindCoordinator(r)
	}()
}

func (h *Handlers) answerFindCoordinator(r *wire.Request) {
	req := r.Body.(*kmsg.FindCoordinatorRequest)
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	keys := req.CoordinatorKeys
	if r.Version < 4 {
		keys = []string{req.CoordinatorKey}
	}
	for _, key := range keys {
		resp.Coordinators = append(resp.Coordinators, h.coordinatorOf(r, key, req.CoordinatorType))
	}
	if r.Version < 4 {
		c := resp.Coordinators[0]
		resp.ErrorCode, resp.ErrorMessage = c.ErrorCode, c.ErrorMessage
		resp.NodeID, resp.Host, resp.Port = c.NodeID, c.Host, c.Port
	}
	r.Respond(resp)
}

const onlyGroupsText = "this broker coordinates consumer groups only; transactions and share groups are not served"

func (h *Handlers) coordinatorOf(r *wire.Request, key string, coordinatorType int8) kmsg.FindCoordinatorResponseCoordinator {
	row := kmsg.NewFindCoordinatorResponseCoordinator()
	row.Key, row.NodeID, row.Port, row.ErrorMessage = key, -1, -1, new("")
	fail := func(err *kerr.Error, text string) kmsg.FindCoordinatorResponseCoordinator {
		row.ErrorCode, row.ErrorMessage = err.Code, new(text)
		return row
	}
	if r.Version < 4 {
		row.ErrorMessage = new("NONE") // the name of Java's constant
	}
	switch coordinatorType {
	case coordinatorTypeGroup:
	case coordinatorTypeTransaction: // librdkafka asks again for ever on any error but a refused authorization
		return fail(kerr.ClusterAuthorizationFailed, onlyGroupsText)
	case coordinatorTypeShare:
		return fail(kerr.InvalidRequest, onlyGroupsText)
	default:
		return fail(kerr.InvalidRequest, kerr.InvalidRequest.Description)
	}
	image := h.Metadata.Current()
	p := image.Partition(offsetsTopic, h.Groups.PartitionFor(key))
	if p == nil || !reachable(image, p.Leader, r.Conn.Listener().Name) {
		return fail(kerr.CoordinatorNotAvailable, kerr.CoordinatorNotAvailable.Description)
	}
	e, _ := image.Broker(p.Leader).Endpoint(r.Conn.Listener().Name)
	row.NodeID, row.Host, row.Port = int32(p.Leader), e.Host, int32(e.Port)
	return row
}
