package herder

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/worker"
)

// overrides adds the settings with which a connector changes its clients, as far as the worker's policy lets it.
func (v *Validation) overrides(config connect.Config, policy worker.OverridePolicy) {
	for _, kind := range []string{"producer", "consumer", "admin"} {
		prefix := kind + ".override."
		for _, name := range slices.Sorted(maps.Keys(config.Prefixed(prefix))) {
			value := config[prefix+name]
			s := Setting{Key: connect.ConfigKey{Name: prefix + name}, NoKey: true, Value: &value}
			if err := policy.Check(name); err != nil {
				s.Errors = []string{"Invalid value " + value + " for configuration " + prefix + name + ": " + err.Error()}
			}
			v.Settings = append(v.Settings, s)
		}
	}
}

// checkOverrideValues refuses values that a client would refuse.
func (h *Herder) checkOverrideValues(config connect.Config) error {
	for _, kind := range []string{"producer", "consumer"} {
		own := client.Properties(config.Prefixed(kind + ".override."))
		if len(own) == 0 {
			continue
		}
		check := client.ProducerOptions
		if kind == "consumer" {
			check = client.ConsumerOptions
		}
		if _, err := check(own); err != nil {
			return refuse(http.StatusInternalServerError, "org.apache.kafka.common.config.ConfigException: %s", strings.TrimPrefix(err.Error(), "org.apache.kafka.common.config.ConfigException: "))
		}
	}
	return nil
}
