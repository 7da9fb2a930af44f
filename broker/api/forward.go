package api

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

// forwardTimeout bounds the wait for the controller where the request names no time-out of its own.
const forwardTimeout = 30 * time.Second

// forward hands the request to the controller and its answer to the client. The wait is not the connection's reader's.
func (h *Handlers) forward(r *wire.Request) {
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		resp, err := h.Controller.Request(ctx, r.Body)
		if err != nil {
			h.Logger.Warn("request could not be forwarded to the controller", "api", kmsg.NameForKey(r.Key), "error", err)
			resp = errorResponse(r.Body, err)
		}
		r.Respond(resp)
	}()
}

// errorResponse answers a request that never reached the controller: every row asked for says err.
func errorResponse(req kmsg.Request, err error) kmsg.Response {
	code, text := wire.ErrorCode(err), wire.ErrorMessage(err)
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, t := range req.Topics {
			row := kmsg.NewCreateTopicsResponseTopic()
			row.Topic, row.ErrorCode, row.ErrorMessage = t.Topic, code, text
			resp.Topics = append(resp.Topics, row)
		}
		return resp
	case *kmsg.DeleteTopicsRequest:
		return deleteTopicsError(req, err)
	case *kmsg.CreatePartitionsRequest:
		resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
		for _, t := range req.Topics {
			row := kmsg.NewCreatePartitionsResponseTopic()
			row.Topic, row.ErrorCode, row.ErrorMessage = t.Topic, code, text
			resp.Topics = append(resp.Topics, row)
		}
		return resp
	case *kmsg.IncrementalAlterConfigsRequest:
		resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		for _, res := range req.Resources {
			resp.Resources = append(resp.Resources, incrementalRow(res, err))
		}
		return resp
	case *kmsg.AlterConfigsRequest:
		resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
		for _, res := range req.Resources {
			resp.Resources = append(resp.Resources, alterRow(res, err))
		}
		return resp
	case *kmsg.ElectLeadersRequest:
		resp := req.ResponseKind().(*kmsg.ElectLeadersResponse)
		resp.ErrorCode = code
		for _, t := range req.Topics {
			row := kmsg.NewElectLeadersResponseTopic()
			row.Topic = t.Topic
			for _, p := range t.Partitions {
				out := kmsg.NewElectLeadersResponseTopicPartition()
				out.Partition, out.ErrorCode, out.ErrorMessage = p, code, text
				row.Partitions = append(row.Partitions, out)
			}
			resp.Topics = append(resp.Topics, row)
		}
		return resp
	case *kmsg.AlterPartitionAssignmentsRequest:
		resp := req.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
		resp.ErrorCode, resp.ErrorMessage = code, text
		for _, t := range req.Topics {
			row := kmsg.NewAlterPartitionAssignmentsResponseTopic()
			row.Topic = t.Topic
			for _, p := range t.Partitions {
				out := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
				out.Partition, out.ErrorCode, out.ErrorMessage = p.Partition, code, text
				row.Partitions = append(row.Partitions, out)
			}
			resp.Topics = append(resp.Topics, row)
		}
		return resp
	}
	return topLevelErrorResponse(req, err)
}

// topLevelErrorResponse is errorResponse for requests whose answer has one error for all.
func topLevelErrorResponse(req kmsg.Request, err error) kmsg.Response {
	code, text := wire.ErrorCode(err), wire.ErrorMessage(err)
	resp := req.ResponseKind()
	switch resp := resp.(type) {
	case *kmsg.ListPartitionReassignmentsResponse:
		resp.ErrorCode, resp.ErrorMessage = code, text
	case *kmsg.DescribeQuorumResponse:
		resp.ErrorCode, resp.ErrorMessage = code, text
	case *kmsg.UpdateFeaturesResponse:
		resp.ErrorCode, resp.ErrorMessage = code, text
	case *kmsg.UnregisterBrokerResponse:
		resp.ErrorCode, resp.ErrorMessage = code, text
	}
	return resp
}
