package api

// ApiVersions, v0-v4: which requests at which versions, and which features.
//
//   - A version above what is served is answered in v0 with UNSUPPORTED_VERSION and the range of ApiVersions itself; package wire does that.
//   - v3 the client's name and version (KIP-511), refused with INVALID_REQUEST where they hold anything but letters, digits, '.', '-'; the
//     cluster's features (KIP-584). v4 may list a feature whose lowest level is 0; before it, such features are left out.

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func (h *Handlers) apiVersions(r *wire.Request) {
	answerVersions(r, h.table, h.Metadata)
}

// answerVersions lists what a table serves.
func answerVersions(r *wire.Request, table *wire.Table, store *metadata.Store) {
	image := store.Current()
	req := r.Body.(*kmsg.ApiVersionsRequest)
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	if r.Version >= 3 {
		if !softwareName.MatchString(req.ClientSoftwareName) || !softwareName.MatchString(req.ClientSoftwareVersion) {
			resp.ErrorCode = kerr.InvalidRequest.Code
			r.Respond(resp)
			return
		}
		r.Conn.SetClientSoftware(req.ClientSoftwareName, req.ClientSoftwareVersion)
	}
	resp.ApiKeys = table.Versions()
	for _, f := range metadata.SupportedFeatures() {
		if f.Min == 0 && r.Version < 4 {
			continue
		}
		row := kmsg.NewApiVersionsResponseSupportedFeature()
		row.Name, row.MinVersion, row.MaxVersion = f.Name, f.Min, f.Max
		resp.SupportedFeatures = append(resp.SupportedFeatures, row)
	}
	for name, level := range image.Features() {
		row := kmsg.NewApiVersionsResponseFinalizedFeature()
		row.Name, row.MinVersionLevel, row.MaxVersionLevel = name, level, level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, row)
	}
	if level := store.KRaftVersion(); level > 0 {
		row := kmsg.NewApiVersionsResponseFinalizedFeature()
		row.Name, row.MinVersionLevel, row.MaxVersionLevel = metadata.FeatureKRaftVersion, level, level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, row)
	}
	resp.FinalizedFeaturesEpoch = image.Provenance.LastOffset
	r.Respond(resp)
}
