package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// ControllerRegistration: v0
//
// A quorum member says where it is and which features it supports (KIP-919). The last word counts.
func (c *call) controllerRegistration(req *kmsg.ControllerRegistrationRequest) (Result, error) {
	if !c.image.MetadataVersion().ControllerRegistration() {
		return Result{}, failf(kerr.UnsupportedVersion, "The current MetadataVersion is too old to support controller registrations.")
	}
	n := &metadata.Controller{ID: ident.BrokerID(req.ControllerID), IncarnationID: req.IncarnationID}
	for _, l := range req.Listeners {
		n.Endpoints = append(n.Endpoints, metadata.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: metadata.SecurityProtocol(l.SecurityProtocol)})
	}
	for _, f := range req.Features {
		n.Features = append(n.Features, metadata.FeatureRange{Name: f.Name, Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion})
	}
	c.emit(n.Record(), 0)
	return Result{Records: c.out, Response: responseTo[*kmsg.ControllerRegistrationResponse](req), Atomic: true}, nil
}
