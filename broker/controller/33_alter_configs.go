package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// AlterConfigs: v0-v2
//
// Replaces the whole config of topics, brokers, groups and client-metrics subscriptions: keys that the request doesn't name go. Deprecated in
// favour of IncrementalAlterConfigs.
//
//   - A resource that comes twice is refused.
//   - Whether a broker's own config makes sense to that broker is for the broker to say, before it passes the request on.
func (c *call) alterConfigs(req *kmsg.AlterConfigsRequest) (Result, error) {
	resp := responseTo[*kmsg.AlterConfigsResponse](req)
	requested := newResourceSet(req.Resources, func(r kmsg.AlterConfigsRequestResource) metadata.ConfigResource {
		return metadata.ConfigResource{Type: metadata.ConfigResourceType(r.ResourceType), Name: r.ResourceName}
	})
	for _, r := range req.Resources {
		res := metadata.ConfigResource{Type: metadata.ConfigResourceType(r.ResourceType), Name: r.ResourceName}
		answer, err := requested.check(res)
		if !answer {
			continue
		}
		if err == nil {
			values := make(map[string]*string, len(r.Configs))
			for _, cfg := range r.Configs {
				values[cfg.Name] = cfg.Value
			}
			err = c.emitConfig(c.replaceResource(res, values))
		}
		row := kmsg.NewAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = r.ResourceType, r.ResourceName, errorCode(err), errorMessage(err)
		resp.Resources = append(resp.Resources, row)
	}
	if req.ValidateOnly {
		c.out = nil
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

// resourceSet tells which resources of a request come more than once.
type resourceSet struct {
	times map[metadata.ConfigResource]int
	said  map[metadata.ConfigResource]bool
}

func newResourceSet[T any](rows []T, resource func(T) metadata.ConfigResource) resourceSet {
	s := resourceSet{times: make(map[metadata.ConfigResource]int, len(rows)), said: make(map[metadata.ConfigResource]bool)}
	for _, row := range rows {
		s.times[resource(row)]++
	}
	return s
}

// check refuses resources of unknown types and duplicates, of which only the first is answered.
func (s resourceSet) check(res metadata.ConfigResource) (answer bool, err error) {
	switch {
	case resourceTypeName(res.Type) == "UNKNOWN":
		return true, failf(kerr.UnsupportedVersion, "Unknown resource type %d.", res.Type)
	case s.times[res] > 1:
		said := s.said[res]
		s.said[res] = true
		return !said, failf(kerr.InvalidRequest, "Duplicate resource.")
	}
	return true, nil
}
