package api

// DescribeAcls, CreateAcls and DeleteAcls, v1-v3: the access control entries.
//
//   - A broker without an authorizer refuses all three (SECURITY_DISABLED), row by row where the answer has rows. The controller could store
//     entries, but nothing would obey them: better to say so.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) describeACLs(r *wire.Request) {
	resp := r.Body.ResponseKind().(*kmsg.DescribeACLsResponse)
	resp.ErrorCode, resp.ErrorMessage = kerr.SecurityDisabled.Code, new("No Authorizer is configured on the broker")
	r.Respond(resp)
}

const noAuthorizer = "No Authorizer is configured."

func (h *Handlers) createACLs(r *wire.Request) {
	resp := r.Body.ResponseKind().(*kmsg.CreateACLsResponse)
	for range r.Body.(*kmsg.CreateACLsRequest).Creations {
		row := kmsg.NewCreateACLsResponseResult()
		row.ErrorCode, row.ErrorMessage = kerr.SecurityDisabled.Code, new(noAuthorizer)
		resp.Results = append(resp.Results, row)
	}
	r.Respond(resp)
}

func (h *Handlers) deleteACLs(r *wire.Request) {
	resp := r.Body.ResponseKind().(*kmsg.DeleteACLsResponse)
	for range r.Body.(*kmsg.DeleteACLsRequest).Filters {
		row := kmsg.NewDeleteACLsResponseResult()
		row.ErrorCode, row.ErrorMessage = kerr.SecurityDisabled.Code, new(noAuthorizer)
		resp.Results = append(resp.Results, row)
	}
	r.Respond(resp)
}
