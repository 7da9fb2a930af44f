package api

import (
	"maps"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// What a broker checks of a change of configuration before the controller sees it: the same for AlterConfigs and IncrementalAlterConfigs.

// resource is what a change is for.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// change is one key of a request: null where a value is needed. The value of a set without one goes.
type change struct {
	key   string
	null  bool
	op    kmsg.IncrementalAlterConfigOp
	value *string
}

func incrementalChanges(configs []kmsg.IncrementalAlterConfigsRequestResourceConfig) []change {
	changes := make([]change, 0, len(configs))
	for _, c := range configs {
		changes = append(changes, change{key: c.Name, null: c.Value == nil && c.Op != kmsg.IncrementalAlterConfigOpDelete, op: c.Op, value: c.Value})
	}
	return changes
}

func plainChanges(configs []kmsg.AlterConfigsRequestResourceConfig) []change {
	changes := make([]change, 0, len(configs))
	for _, c := range configs {
		changes = append(changes, change{key: c.Name, null: c.Value == nil, op: kmsg.IncrementalAlterConfigOpSet, value: c.Value})
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
// (only that broker can tell whether it could live with it), what this broker couldn't live with, an unknown kind of resource. Where whole is set,
// the changes are all that the resource is to have.
func (h *Handlers) checkChange(res resource, twice map[resource]bool, changes []change, whole bool) error {
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
		return h.checkBroker(res.name, changes, whole)
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

// checkBroker checks that this broker could live with a change of its own config, or of all brokers': the controller doesn't know what is in its file.
func (h *Handlers) checkBroker(name string, changes []change, whole bool) error {
	var own map[string]string
	if !whole {
		own = maps.Clone(h.Metadata.Current().Config(metadata.ConfigBroker, name))
	}
	if own == nil {
		own = make(map[string]string, len(changes))
	}
	var threads []change
	for _, c := range changes {
		switch c.op {
		case kmsg.IncrementalAlterConfigOpDelete:
			delete(own, c.key)
			threads = append(threads, change{key: c.key})
		case kmsg.IncrementalAlterConfigOpSet:
			own[c.key] = *c.value
			threads = append(threads, c)
		default: // on anything but a list, the controller refuses it
			if k, ok := config.Lookup(config.ScopeBroker, c.key); ok && k.Type == config.TypeList {
				list, set := own[c.key]
				before := &list
				if !set {
					before = k.Default
				}
				own[c.key] = controller.ChangeList(c.op, before, c.value)
			}
		}
	}
	layers := h.Layers()
	if err := layers.ValidateBroker(own, name == ""); err != nil {
		return err
	}
	for _, c := range threads {
		if err := layers.CheckThreads(c.key, c.value); err != nil {
			return err
		}
	}
	return nil
}
