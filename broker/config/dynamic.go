package config

import (
	"strings"
)

// ValidateTopic checks a topic's whole dynamic config, as CreateTopics and AlterConfigs get it. The error's text is Kafka's and its code
// is INVALID_CONFIG.
func (l *Layers) ValidateTopic(own map[string]string) error { return validateTopic(own) }

// ValidateGroup checks a group's dynamic config.
func (l *Layers) ValidateGroup(own map[string]string) error {
	return validateScope(ScopeGroup, own, "Unknown group config name: ")
}

// ValidateClientMetrics checks a client-metrics subscription.
func ValidateClientMetrics(own map[string]string) error {
	return validateScope(ScopeClientMetrics, own, "Unknown client metrics configuration: ")
}

func validateScope(scope Scope, own map[string]string, unknown string) error {
	for _, name := range sortedKeys(own) {
		k, ok := Lookup(scope, name)
		if !ok {
			return &InvalidError{unknown + name}
		}
		if err := k.Check(own[name]); err != nil {
			return err
		}
	}
	return nil
}

// ValidateBroker checks the dynamic config of one broker, or of all if clusterWide. Unknown keys pass, as in Kafka: a plug-in may know them.
func (l *Layers) ValidateBroker(own map[string]string, clusterWide bool) error {
	var fixed, perBroker, perListener []string
	for _, name := range sortedKeys(own) {
		k, ok := lookupBroker(name)
		prefixed := strings.HasPrefix(name, "listener.name.")
		switch {
		case !ok:
		case k.Mode == ReadOnly:
			fixed = append(fixed, name)
		case isSecurityKey(k.Name) && !prefixed:
			perListener = append(perListener, name)
		case k.Mode == PerBroker:
			perBroker = append(perBroker, name)
		}
	}
	switch {
	case len(fixed) > 0:
		return &InvalidError{"Cannot update these configs dynamically: [" + strings.Join(fixed, ", ") + "]"}
	case len(perListener) > 0:
		return &InvalidError{"These security configs can be dynamically updated only per-listener using the listener prefix: [" + strings.Join(perListener, ", ") + "]"}
	}
	for _, name := range sortedKeys(own) {
		if k, ok := lookupBroker(name); ok {
			if err := k.Check(own[name]); err != nil {
				return err
			}
		}
	}
	if clusterWide && len(perBroker) > 0 {
		return &InvalidError{"Cannot update these configs at default cluster level, broker id must be specified: [" + strings.Join(perBroker, ", ") + "]"}
	}
	// DEVIATION(kafka): the whole must still make sense: a listener that the protocol map doesn't know is a broker that doesn't start again.
	next := l.WithDynamic(l.ClusterWide, own)
	if clusterWide {
		next = l.WithDynamic(own, l.ThisBroker)
	}
	if _, err := next.Resolve(); err != nil {
		return &InvalidError{err.Error()}
	}
	return nil
}

// isSecurityKey reports whether a key is one of those that belong to a listener: TLS stores and SASL.
func isSecurityKey(name string) bool {
	k, ok := Lookup(ScopeBroker, name)
	return ok && k.Mode == PerBroker && (strings.HasPrefix(name, "ssl.") || strings.HasPrefix(name, "sasl.") || name == "principal.builder.class")
}
