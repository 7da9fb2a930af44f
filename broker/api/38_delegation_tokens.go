package api

// CreateDelegationToken (v1-v3), RenewDelegationToken, ExpireDelegationToken (v1-v2) and DescribeDelegationToken (v1-v3), KIP-48.
//
//   - A token is asked for by someone who has proved who he is. A connection without authentication is refused, whatever the broker's
//     configuration: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) delegationToken(r *wire.Request) {
	resp := r.Body.ResponseKind()
	code := kerr.DelegationTokenRequestNotAllowed.Code
	switch resp := resp.(type) {
	case *kmsg.CreateDelegationTokenResponse:
		kind, name, _ := strings.Cut(r.Conn.Principal().String(), ":")
		resp.ErrorCode, resp.PrincipalType, resp.PrincipalName = code, kind, name
		resp.TokenRequesterPrincipalType, resp.TokenRequesterPrincipalName = kind, name
		resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp, resp.HMAC = -1, -1, -1, []byte{}
	case *kmsg.RenewDelegationTokenResponse:
		resp.ErrorCode, resp.ExpiryTimestamp = code, -1
	case *kmsg.ExpireDelegationTokenResponse:
		resp.ErrorCode, resp.ExpiryTimestamp = code, -1
	case *kmsg.DescribeDelegationTokenResponse:
		resp.ErrorCode = code
	}
	r.Respond(resp)
}
