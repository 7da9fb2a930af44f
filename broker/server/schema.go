package server

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// configSchema tells the controller about config keys: controller.ConfigSchema over the one table in package config.
type configSchema struct{ layers *config.Layers }

// Validate checks the whole config that a resource would have after a change.
func (s configSchema) Validate(res metadata.ConfigResource, values map[string]string) error {
	switch res.Type {
	case metadata.ConfigTopic:
		return s.layers.ValidateTopic(values)
	case metadata.ConfigBroker:
		if res.Name != "" {
			if _, err := strconv.ParseInt(res.Name, 10, 32); err != nil {
				return wire.Refusef(kerr.InvalidRequest, "Unable to parse broker name as a base 10 number.")
			}
		}
		return config.ValidateBrokerKeys(values, res.Name == "") // whether the whole makes sense to a broker is for that one to say
	case metadata.ConfigGroup:
		return s.layers.ValidateGroup(values)
	case metadata.ConfigClientMetrics:
		return config.ValidateClientMetrics(values)
	default:
		return wire.Refusef(kerr.InvalidRequest, "Unknown resource type %d", res.Type)
	}
}

// scopeOf is where a resource's keys are in the table.
func scopeOf(t metadata.ConfigResourceType) config.Scope {
	switch t {
	case metadata.ConfigTopic:
		return config.ScopeTopic
	case metadata.ConfigGroup:
		return config.ScopeGroup
	case metadata.ConfigClientMetrics:
		return config.ScopeClientMetrics
	default:
		return config.ScopeBroker
	}
}

// IsList reports whether APPEND and SUBTRACT make sense for the key.
func (s configSchema) IsList(t metadata.ConfigResourceType, key string) bool {
	k, ok := config.Lookup(scopeOf(t), key)
	return ok && k.Type == config.TypeList
}

// Default returns the value that holds where nothing was set anywhere.
func (s configSchema) Default(t metadata.ConfigResourceType, key string) (string, bool) {
	k, ok := config.Lookup(scopeOf(t), key)
	if !ok || k.Default == nil {
		return "", false
	}
	return *k.Default, true
}

// IsSensitive reports whether the value must not appear in logs; of an unknown key nobody knows.
func (s configSchema) IsSensitive(t metadata.ConfigResourceType, key string) bool {
	k, ok := config.Lookup(scopeOf(t), key)
	return !ok || k.Sensitive()
}

// Topic is a topic's configuration in force.
func (s configSchema) Topic(own, thisNode, clusterWide map[string]string) []controller.TopicConfig {
	entries := s.layers.WithDynamic(clusterWide, thisNode).DescribeTopic(own)
	out := make([]controller.TopicConfig, len(entries))
	for i, e := range entries {
		out[i] = controller.TopicConfig{Name: e.Name, Value: e.Value, Source: int8(e.Source), ReadOnly: e.ReadOnly, Sensitive: e.Sensitive}
	}
	return out
}

// TopicValue is the value of one key of Topic's result.
func (s configSchema) TopicValue(key string, own, thisNode, clusterWide map[string]string) string {
	for _, e := range s.layers.WithDynamic(clusterWide, thisNode).DescribeTopic(own) {
		if e.Name == key && e.Value != nil {
			return *e.Value
		}
	}
	panic("server: there is no topic config " + key)
}
