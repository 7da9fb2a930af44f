package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// OverridePolicy tells which settings of its clients a connector may change: connector.client.config.override.policy.
type OverridePolicy struct {
	name  string
	allow func(setting string) bool
}

// OverridePolicy returns the worker's policy. REQUIRES: the configuration has been checked.
func (w *Worker) OverridePolicy() OverridePolicy {
	p, err := parsePolicy(w.Config)
	if err != nil {
		p, _ = parsePolicy(connect.Config{policyKey: "None"})
	}
	return p
}

const (
	policyKey    = "connector.client.config.override.policy"
	allowlistKey = "connector.client.config.override.allowlist"
)

const policyPackage = "org.apache.kafka.connect.connector.policy."

func parsePolicy(config connect.Config) (OverridePolicy, error) {
	class := config.Or(policyKey, "All")
	name := strings.TrimSuffix(strings.TrimPrefix(class, policyPackage), "ConnectorClientConfigOverridePolicy")
	p := OverridePolicy{name: name}
	switch name {
	case "All":
		p.allow = func(string) bool { return true }
	case "None":
		p.allow = func(string) bool { return false }
	case "Principal":
		p.allow = func(s string) bool {
			return s == "security.protocol" || s == "sasl.mechanism" || s == "sasl.jaas.config"
		}
	case "Allowlist":
		list := config.List(allowlistKey)
		p.allow = func(s string) bool { return slices.Contains(list, s) }
	default:
		return p, fmt.Errorf("Invalid value %s for configuration %s: give All, None, Principal or Allowlist", class, policyKey)
	}
	return p, nil
}

// Check tells whether a setting may be changed.
func (p OverridePolicy) Check(setting string) error {
	if p.allow(setting) {
		return nil
	}
	return fmt.Errorf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", p.name, setting)
}
