package api

// DescribeCluster, v0-v2: the cluster's id, its brokers and who is taken for its controller (KIP-700).
//
//   - v1 endpoint type (KIP-919): a broker's listener describes brokers only; asked for controllers it answers MISMATCHED_ENDPOINT_TYPE.
//   - v2 fenced brokers too, on request (KIP-1073).

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

const (
	endpointTypeBrokers     = 1
	endpointTypeControllers = 2
)

func (h *Handlers) describeCluster(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeClusterRequest)
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	image := h.Metadata.Current()
	listener := r.Conn.Listener().Name
	if r.Version >= 1 && req.EndpointType != endpointTypeBrokers {
		err, text := kerr.UnsupportedEndpointType, fmt.Sprintf("Unsupported endpoint type %d", req.EndpointType)
		if req.EndpointType == endpointTypeControllers {
			err, text = kerr.MismatchedEndpointType, "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
		}
		resp.ErrorCode, resp.ErrorMessage = err.Code, new(text)
		r.Respond(resp)
		return
	}
	resp.ClusterID = image.ClusterID
	resp.ControllerID = h.anyBroker(image, listener)
	resp.ClusterAuthorizedOperations = authorizedOperations(req.IncludeClusterAuthorizedOperations, clusterOperations)
	for b := range image.Brokers() {
		e, ok := b.Endpoint(listener)
		if !ok || b.Fenced && !req.IncludeFencedBrokers {
			continue
		}
		row := kmsg.NewDescribeClusterResponseBroker()
		row.NodeID, row.Host, row.Port, row.Rack, row.IsFenced = int32(b.ID), e.Host, int32(e.Port), b.Rack, b.Fenced
		resp.Brokers = append(resp.Brokers, row)
	}
	r.Respond(resp)
}
