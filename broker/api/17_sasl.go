package api

// SaslHandshake, v0-v1, and SaslAuthenticate, v0-v2: on a listener without SASL, or after authentication, both are ILLEGAL_SASL_STATE. The
// client learns that it has the wrong security.protocol for this port, where a closed connection would tell it nothing.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) saslHandshake(r *wire.Request) {
	resp := r.Body.ResponseKind().(*kmsg.SASLHandshakeResponse)
	resp.ErrorCode = kerr.IllegalSaslState.Code
	r.Respond(resp)
}

func (h *Handlers) saslAuthenticate(r *wire.Request) {
	resp := r.Body.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	resp.ErrorCode, resp.ErrorMessage = kerr.IllegalSaslState.Code, new("SaslAuthenticate request received after successful authentication")
	r.Respond(resp)
}
