package api

// ListConfigResources, v0-v1: the names of what can have a config (KIP-714, KIP-1142).
//
//   - v0 lists client-metrics subscriptions only; v1 the types asked for, all of them if none is named.

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) listConfigResources(r *wire.Request) {
	req := r.Body.(*kmsg.ListConfigResourcesRequest)
	resp := req.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	image := h.Metadata.Current()
	types := req.ResourceTypes
	switch {
	case r.Version == 0:
		types = []int8{int8(metadata.ConfigClientMetrics)}
	case len(types) == 0:
		types = []int8{int8(metadata.ConfigTopic), int8(metadata.ConfigBroker), int8(metadata.ConfigBrokerLogger), int8(metadata.ConfigClientMetrics), int8(metadata.ConfigGroup)}
	}
	for _, t := range slices.Compact(slices.Sorted(slices.Values(types))) {
		names, ok := configResourceNames(image, metadata.ConfigResourceType(t))
		if !ok {
			resp.ErrorCode, resp.ConfigResources = kerr.UnsupportedVersion.Code, nil
			break
		}
		slices.Sort(names)
		for _, name := range names {
			row := kmsg.NewListConfigResourcesResponseConfigResource()
			row.Name, row.Type = name, t
			resp.ConfigResources = append(resp.ConfigResources, row)
		}
	}
	r.Respond(resp)
}

// configResourceNames lists what may be configured: topics and brokers by being there, groups and subscriptions by having a config.
func configResourceNames(image *metadata.Image, t metadata.ConfigResourceType) (names []string, known bool) {
	switch t {
	case metadata.ConfigTopic:
		for topic := range image.Topics() {
			names = append(names, topic.Name)
		}
	case metadata.ConfigBroker, metadata.ConfigBrokerLogger:
		for b := range image.Brokers() {
			names = append(names, strconv.Itoa(int(b.ID)))
		}
	case metadata.ConfigClientMetrics, metadata.ConfigGroup:
		for resource := range image.Configs() {
			if resource.Type == t {
				names = append(names, resource.Name)
			}
		}
	default:
		return nil, false
	}
	return names, true
}
