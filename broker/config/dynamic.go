package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ValidateTopic checks a topic's whole dynamic config, as CreateTopics and AlterConfigs get it. The error's text is Kafka's and its code
// is INVALID_CONFIG.
func (l *Layers) ValidateTopic(own map[string]string) error { return validateTopic(own) }

// ValidateGroup checks a group's dynamic config. Its bounds are the broker's: group.consumer.min.session.timeout.ms for consumer.session.timeout.ms.
func (l *Layers) ValidateGroup(own map[string]string) error {
	if err := validateScope(ScopeGroup, own, "Unknown group config name: "); err != nil {
		return err
	}
	v := l.effective()
	for _, name := range sortedKeys(own) {
		n, err := strconv.ParseInt(strings.TrimSpace(own[name]), 10, 64)
		if err != nil {
			continue // no number: it has no bounds
		}
		low, high := groupBounds(name)
		if bound, ok := v.bound(low); ok && n < bound {
			return &InvalidError{Text: name + " must be greater than or equal to " + low}
		}
		if bound, ok := v.bound(high); ok && n > bound {
			return &InvalidError{Text: name + " must be less than or equal to " + high}
		}
	}
	return nil
}

// bound is a broker key's number, if there is such a key.
func (v values) bound(name string) (int64, bool) {
	if _, ok := Lookup(ScopeBroker, name); !ok {
		return 0, false
	}
	text, ok := v.text(name)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, ok && err == nil
}

// groupBounds are the broker keys that bound a group's key; there may be none of that name.
func groupBounds(name string) (low, high string) {
	kind, rest, _ := strings.Cut(name, ".")
	rest = strings.TrimPrefix(rest, "num.") // streams.num.standby.replicas
	return "group." + kind + ".min." + rest, "group." + kind + ".max." + rest
}

// ValidateClientMetrics checks a client-metrics subscription. The codes of its errors differ, as in Apache Kafka.
func ValidateClientMetrics(own map[string]string) error {
	for _, name := range sortedKeys(own) {
		if _, ok := Lookup(ScopeClientMetrics, name); !ok {
			return invalidRequest("Unknown client metrics configuration: " + name)
		}
	}
	if err := validateScope(ScopeClientMetrics, own, ""); err != nil {
		return err
	}
	if text, ok := own["interval.ms"]; ok {
		if n := mustInt(strings.TrimSpace(text)); n < 100 || n > 3_600_000 {
			return invalidRequest(fmt.Sprintf("Invalid value %d for interval.ms, interval must be between 100 and 3600000 (1 hour)", n))
		}
	}
	for _, pattern := range splitList(own["match"]) {
		name, re, ok := strings.Cut(pattern, "=")
		if _, err := regexp.Compile(re); err != nil || !ok || !slices.Contains(clientMatchers, strings.TrimSpace(name)) {
			return &InvalidError{Text: "Illegal client matching pattern: " + pattern}
		}
	}
	return nil
}

// clientMatchers are what a client-metrics subscription can tell clients apart by (KIP-714).
var clientMatchers = []string{"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port"}

// invalidRequest is the error of a configuration that Apache Kafka answers with INVALID_REQUEST, not with INVALID_CONFIG.
func invalidRequest(text string) error { return &InvalidError{Text: text, code: kerr.InvalidRequest} }

func validateScope(scope Scope, own map[string]string, unknown string) error {
	for _, name := range sortedKeys(own) {
		k, ok := Lookup(scope, name)
		if !ok {
			return &InvalidError{Text: unknown + name}
		}
		if err := k.Check(own[name]); err != nil {
			return err
		}
	}
	return nil
}

// ValidateBroker checks what the dynamic config of this broker, or of all if clusterWide, is to be: key by key, and whether the whole still makes
// sense here. Its errors are INVALID_REQUEST.
func (l *Layers) ValidateBroker(own map[string]string, clusterWide bool) error {
	if err := ValidateBrokerKeys(own, clusterWide); err != nil {
		return err
	}
	next := l.WithDynamic(l.ClusterWide, own)
	if clusterWide {
		next = l.WithDynamic(own, l.ThisBroker)
	}
	if err := l.checkListeners(next); err != nil {
		return invalidRequest(err.Error())
	}
	if err := checkConnectionLimits(l.effective(), next.effective()); err != nil {
		return invalidRequest(err.Error())
	}
	if err := checkTogether(next.effective(), own); err != nil {
		return invalidRequest(err.Error())
	}
	// DEVIATION(kafka): the whole must still make sense: a broker that wouldn't start again is refused.
	if _, err := next.Resolve(); err != nil {
		return invalidRequest(withoutOrigin(err))
	}
	return nil
}

// ValidateBrokerKeys checks the dynamic config of a broker, or of all, key by key. Unknown keys pass, as in Kafka: a plug-in may know them.
func ValidateBrokerKeys(own map[string]string, clusterWide bool) error {
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
		return invalidRequest("Cannot update these configs dynamically: [" + strings.Join(fixed, ", ") + "]")
	case len(perListener) > 0:
		return invalidRequest("These security configs can be dynamically updated only per-listener using the listener prefix: [" + strings.Join(perListener, ", ") + "]")
	}
	for _, name := range sortedKeys(own) {
		if k, ok := lookupBroker(name); ok {
			if err := k.Check(own[name]); err != nil {
				return invalidRequest(err.Error())
			}
		}
	}
	if clusterWide && len(perBroker) > 0 {
		return invalidRequest("Cannot update these configs at default cluster level, broker id must be specified: [" + strings.Join(perBroker, ", ") + "]")
	}
	return nil
}

// withoutOrigin is what is wrong with a configuration, without the file that the key was in before: the wrong value is the new one.
func withoutOrigin(err error) string {
	var all Errors
	if !errors.As(err, &all) {
		return err.Error()
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = one.Text
		if one.Setting.Key != "" {
			texts[i] = one.Setting.Key + ": " + one.Text
		}
	}
	return strings.Join(texts, "; ")
}

// checkTogether checks keys that must fit each other, as far as a change can touch them. The texts are Apache Kafka's.
func checkTogether(v values, own map[string]string) error {
	if text, ok := own["log.local.retention.ms"]; ok {
		local, total := mustInt(strings.TrimSpace(text)), topicReader{broker: v}.long("retention.ms")
		if local != -2 && total >= 0 && (local > total || local == -1) {
			return dynamicRefusal(invalidValue("log.local.retention.ms", text, fmt.Sprintf("Value must not be more than log.retention.ms property value: %d", total)).Error())
		}
	}
	if classes := splitList(own["metric.reporters"]); slices.ContainsFunc(classes, func(c string) bool { return c != "org.apache.kafka.common.metrics.JmxReporter" }) {
		return dynamicRefusal("Validation of dynamic config update of Set(metric.reporters) failed with class class kafka.server.DynamicMetricsReporters")
	}
	text, ok := v.text("log.cleaner.dedupe.buffer.size")
	threads, _ := v.text("log.cleaner.threads")
	if _, changed := own["log.cleaner.dedupe.buffer.size"]; changed && ok && mustInt(text)/mustInt(threads) < 1<<20 {
		return &InvalidError{Text: "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."}
	}
	return nil
}

// dynamicRefusal dresses an error up as Apache Kafka's check of dynamic configs does.
func dynamicRefusal(text string) error {
	return invalidValue("Invalid dynamic configuration", "org.apache.kafka.common.config.ConfigException: "+text, "")
}

// threadPools are the keys whose value may at most be doubled or halved by one change.
var threadPools = []string{"background.threads", "num.io.threads", "num.network.threads", "num.recovery.threads.per.data.dir", "num.replica.fetchers"}

// CheckThreads refuses a change of a thread pool's size to more than double or less than half of what is in force on this broker. A nil value
// takes the dynamic one away.
func (l *Layers) CheckThreads(name string, set *string) error {
	if name != "log.cleaner.threads" && !slices.Contains(threadPools, name) {
		return nil
	}
	text, _ := l.effective().text(name)
	now := mustInt(text)
	value, _ := (&Layers{Static: l.Static}).effective().text(name)
	if set != nil {
		value = *set
	}
	next, err := strconv.ParseInt(strings.TrimSpace(value), 10, 32)
	if err != nil {
		return nil //nolint:nilerr // no number: the controller says so
	}
	const pool = "Dynamic thread count update validation failed for "
	text = ""
	switch {
	case name != "log.cleaner.threads":
		switch {
		case next < 1:
			return nil
		case next < now/2:
			text = pool + fmt.Sprintf("%s=%d, value should be at least half the current value %d", name, next, now)
		case next > now*2:
			text = pool + fmt.Sprintf("%s=%d, value should not be greater than double the current value %d", name, next, now)
		}
	case next < 1:
		text = "Log cleaner threads should be at least 1"
	case next < now/2:
		text = fmt.Sprintf("Log cleaner threads cannot be reduced to less than half the current value %d", now)
	case next > now*2:
		text = fmt.Sprintf("Log cleaner threads cannot be increased to more than double the current value %d", now)
	}
	if text == "" {
		return nil
	}
	return invalidRequest(dynamicRefusal(text).Error())
}

// isSecurityKey reports whether a key is one of those that belong to a listener: TLS stores and SASL.
func isSecurityKey(name string) bool {
	k, ok := Lookup(ScopeBroker, name)
	return ok && k.Mode == PerBroker && (strings.HasPrefix(name, "ssl.") || strings.HasPrefix(name, "sasl.") || name == "principal.builder.class")
}
