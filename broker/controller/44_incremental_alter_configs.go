package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// IncrementalAlterConfigs: v0-v1
//
// Sets, deletes, appends to and subtracts from single keys of topics, brokers (or all of them, name ""), groups and
// client-metrics subscriptions (KIP-339).
//
//   - Each resource succeeds or fails for itself; a resource that comes twice is refused.
//   - APPEND and SUBTRACT are for lists only. They start from the default where nothing was set.
//   - A change of min.insync.replicas empties the ELRs that rest on it (KIP-966).
//   - Whether a broker's own config makes sense to that broker is for the broker to say, before it passes the request on; broker loggers are
//     the broker's own business altogether.
func (c *call) incrementalAlterConfigs(req *kmsg.IncrementalAlterConfigsRequest) (Result, error) {
	resp := responseTo[*kmsg.IncrementalAlterConfigsResponse](req)
	requested := newResourceSet(req.Resources, func(r kmsg.IncrementalAlterConfigsRequestResource) metadata.ConfigResource {
		return metadata.ConfigResource{Type: metadata.ConfigResourceType(r.ResourceType), Name: r.ResourceName}
	})
	for _, r := range req.Resources {
		res := metadata.ConfigResource{Type: metadata.ConfigResourceType(r.ResourceType), Name: r.ResourceName}
		answer, err := requested.check(res)
		if !answer {
			continue
		}
		if err == nil {
			err = c.alterIncrementally(res, r.Configs)
		}
		row := kmsg.NewIncrementalAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = r.ResourceType, r.ResourceName, errorCode(err), errorMessage(err)
		resp.Resources = append(resp.Resources, row)
	}
	if req.ValidateOnly {
		c.out = nil
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) alterIncrementally(res metadata.ConfigResource, configs []kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	changes := make(map[string]configChange, len(configs))
	for _, cfg := range configs {
		if cfg.Op < kmsg.IncrementalAlterConfigOpSet || cfg.Op > kmsg.IncrementalAlterConfigOpSubtract {
			return failf(kerr.InvalidRequest, "Unknown operations type %d", cfg.Op)
		}
		changes[cfg.Name] = configChange{cfg.Op, cfg.Value}
	}
	return c.emitConfig(c.alterResource(res, changes, false))
}

// emitConfig emits the records of one resource, if there was no error.
func (c *call) emitConfig(records []*record.ConfigRecord, err error) error {
	if err != nil {
		return err
	}
	for _, r := range records {
		c.emit(r, 0)
	}
	c.emitClearElr(records)
	return nil
}
