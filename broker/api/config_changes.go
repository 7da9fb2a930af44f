package api

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// What a broker checks of a change of configuration before the controller sees it: the same for AlterConfigs and IncrementalAlterConfigs.

// resource is what a change is for.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// change is one key of a request: null where a value is needed; set has the value that it is to have from now on.
type change struct {
	key  string
	null bool
	set  *string
}

func incrementalChanges(configs []kmsg.IncrementalAlterConfigsRequestResourceConfig) []change {
	changes := make([]change, 0, len(configs))
	for _, c := range configs {
		one := change{key: c.Name, null: c.Value == nil && c.Op != kmsg.IncrementalAlterConfigOpDelete}
		if c.Op == kmsg.IncrementalAlterConfigOpSet {
			one.set = c.Value
		}
		changes = append(changes, one)
	}
	return changes
}

func plainChanges(configs []kmsg.AlterConfigsRequestResourceConfig) []change {
	changes := make([]change, 0, len(configs))
	for _, c := range configs {
		changes = append(changes, change{key: c.Name, null: c.Value == nil, set: c.Value})
	}
	return changes
}

// repeated are the resources that come more than once. None of their rows is carried out: which one was meant is unknown.
func repeated[R any](rows []R, of func(R) resource) map[resource]bool {
	seen := make(map[resource]bool, len(rows))
	for _, row := range rows {
		_, again := seen[of(row)]
		seen[of(row)] = again
	}
	return seen
}

// checkChange refuses what no controller needs to see: a resource or key that comes twice, a missing value, another broker's configuration
// (only that broker can tell whether it could live with it), an unknown kind of resource.
func (h *Handlers) checkChange(res resource, twice map[resource]bool, changes []change) error {
	if twice[res] {
		return wire.Refusef(kerr.InvalidRequest, "Each resource must appear at most once.")
	}
	keys := make(map[string]bool, len(changes))
	var null []string
	for _, c := range changes {
		keys[c.key] = true
		if c.null {
			null = append(null, c.key)
		}
	}
	switch {
	case len(keys) < len(changes):
		return wire.Refusef(kerr.InvalidRequest, "Error due to duplicate config keys")
	case len(null) > 0:
		return wire.Refusef(kerr.InvalidRequest, "Null value not supported for : %s", strings.Join(null, ", "))
	}
	switch metadata.ConfigResourceType(res.kind) {
	case metadata.ConfigBroker:
		if res.name != "" {
			if err := h.ownNode(res.name, "Unexpected broker id, expected %d, but received %s"); err != nil {
				return err
			}
		}
		return h.checkThreads(changes)
	case metadata.ConfigBrokerLogger:
		return h.ownNode(res.name, "Unexpected node id. Expected %d, but received %s")
	case metadata.ConfigTopic, metadata.ConfigClientMetrics, metadata.ConfigGroup:
		return nil
	}
	return wire.Refusef(kerr.InvalidRequest, "Unknown resource type %d", res.kind)
}

// ownNode checks that a resource's name is this node's id.
func (h *Handlers) ownNode(name, unexpected string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return wire.Refusef(kerr.InvalidRequest, "Node id must be an integer, but it is: %s", name)
	}
	if int32(id) != int32(h.NodeID) {
		return wire.Refusef(kerr.InvalidRequest, unexpected, h.NodeID, name)
	}
	return nil
}

// checkThreads holds the rule for the sizes of thread pools against what is in force here, which the controller doesn't know.
func (h *Handlers) checkThreads(changes []change) error {
	for _, c := range changes {
		if err := h.Layers().CheckThreads(c.key, c.set); err != nil {
			return err
		}
	}
	return nil
}
