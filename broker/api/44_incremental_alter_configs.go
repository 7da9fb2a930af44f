package api

// IncrementalAlterConfigs, v0-v1 (KIP-339), and AlterConfigs, v0-v2: changes of configuration.
//
//   - Everything is the controller's but the levels of this broker's loggers (KIP-412), which are set here and forgotten at a restart.
//   - Each resource succeeds or fails on its own; validate_only checks and changes nothing.

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) incrementalAlterConfigs(r *wire.Request) {
	req := r.Body.(*kmsg.IncrementalAlterConfigsRequest)
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	rest := *req
	rest.Resources = nil
	twice := repeated(req.Resources, func(res kmsg.IncrementalAlterConfigsRequestResource) resource {
		return resource{res.ResourceType, res.ResourceName}
	})
	for _, res := range req.Resources {
		err := h.checkChange(resource{res.ResourceType, res.ResourceName}, twice, incrementalChanges(res.Configs), false)
		switch {
		case err != nil:
			resp.Resources = append(resp.Resources, incrementalRow(res, err))
		case isLogger(res.ResourceType):
			resp.Resources = append(resp.Resources, incrementalRow(res, h.alterLoggers(res, req.ValidateOnly)))
		default:
			rest.Resources = append(rest.Resources, res)
		}
	}
	if len(rest.Resources) == 0 {
		r.Respond(resp)
		return
	}
	h.ask(r, &rest, func(answer kmsg.Response) {
		resp.Resources = append(resp.Resources, answer.(*kmsg.IncrementalAlterConfigsResponse).Resources...)
		r.Respond(resp)
	})
}

func (h *Handlers) alterConfigs(r *wire.Request) {
	req := r.Body.(*kmsg.AlterConfigsRequest)
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	rest := *req
	rest.Resources = nil
	twice := repeated(req.Resources, func(res kmsg.AlterConfigsRequestResource) resource {
		return resource{res.ResourceType, res.ResourceName}
	})
	for _, res := range req.Resources {
		err := h.checkChange(resource{res.ResourceType, res.ResourceName}, twice, plainChanges(res.Configs), true)
		switch {
		case err != nil:
			resp.Resources = append(resp.Resources, alterRow(res, err))
		case isLogger(res.ResourceType):
			resp.Resources = append(resp.Resources, alterRow(res, wire.Refusef(kerr.InvalidRequest, "Unknown resource type %d", res.ResourceType)))
		default:
			rest.Resources = append(rest.Resources, res)
		}
	}
	if len(rest.Resources) == 0 {
		r.Respond(resp)
		return
	}
	h.ask(r, &rest, func(answer kmsg.Response) {
		resp.Resources = append(resp.Resources, answer.(*kmsg.AlterConfigsResponse).Resources...)
		r.Respond(resp)
	})
}

func isLogger(t kmsg.ConfigResourceType) bool {
	return metadata.ConfigResourceType(t) == metadata.ConfigBrokerLogger
}

func incrementalRow(res kmsg.IncrementalAlterConfigsRequestResource, err error) kmsg.IncrementalAlterConfigsResponseResource {
	row := kmsg.NewIncrementalAlterConfigsResponseResource()
	row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = res.ResourceType, res.ResourceName, wire.ErrorCode(err), wire.ErrorMessage(err)
	return row
}

func alterRow(res kmsg.AlterConfigsRequestResource, err error) kmsg.AlterConfigsResponseResource {
	row := kmsg.NewAlterConfigsResponseResource()
	row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = res.ResourceType, res.ResourceName, wire.ErrorCode(err), wire.ErrorMessage(err)
	return row
}

// alterLoggers changes log levels: all of the resource's or none.
func (h *Handlers) alterLoggers(res kmsg.IncrementalAlterConfigsRequestResource, validateOnly bool) error {
	levels := h.Loggers.Levels()
	for _, c := range res.Configs {
		if _, ok := levels[c.Name]; !ok {
			return wire.Refusef(kerr.InvalidConfig, "Logger %s does not exist!", c.Name)
		}
		switch c.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			if c.Value == nil || !isLogLevel(*c.Value) {
				return wire.Refusef(kerr.InvalidConfig, "Cannot set the log level of %s to %s as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", c.Name, valueOr(c.Value, "null"))
			}
		case kmsg.IncrementalAlterConfigOpDelete:
			if c.Name == rootLogger {
				return wire.Refusef(kerr.InvalidRequest, "Removing the log level of the %s logger is not allowed", rootLogger)
			}
		default:
			return wire.Refusef(kerr.InvalidRequest, "%s operation is not allowed for the BROKER_LOGGER resource", strings.ToUpper(c.Op.String()))
		}
	}
	if validateOnly {
		return nil
	}
	for _, c := range res.Configs {
		level := ""
		if c.Op == kmsg.IncrementalAlterConfigOpSet {
			level = *c.Value
		}
		if err := h.Loggers.Set(c.Name, level); err != nil {
			return wire.Refusef(kerr.InvalidConfig, "%s", err)
		}
	}
	return nil
}

const rootLogger = "root"

func isLogLevel(s string) bool {
	switch s {
	case "DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN":
		return true
	}
	return false
}

func valueOr(s *string, null string) string {
	if s == nil {
		return null
	}
	return *s
}
