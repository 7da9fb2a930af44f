package worker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
)

// settings are the worker's own keys, those of Apache Kafka's standalone worker.
var settings = []connect.ConfigKey{
	{Name: "bootstrap.servers", Type: "LIST", Default: new("localhost:9092"), Check: connect.NonEmpty},
	{Name: "client.dns.lookup", Type: "STRING", Default: new("use_all_dns_ips"), Check: connect.ExactlyOneOf("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")},
	{Name: "key.converter", Type: "CLASS", Required: true, Resolve: converters.Find},
	{Name: "value.converter", Type: "CLASS", Required: true, Resolve: converters.Find},
	{Name: "header.converter", Type: "CLASS", Default: new(defaultHeaderConverter), Resolve: converters.Find},
	{Name: "key.converter.plugin.version", Type: "STRING"},
	{Name: "value.converter.plugin.version", Type: "STRING"},
	{Name: "header.converter.plugin.version", Type: "STRING"},
	{Name: "offset.storage.file.filename", Type: "STRING", Required: true, Check: connect.NonEmpty},
	{Name: "offset.flush.interval.ms", Type: "LONG", Default: new("60000")},
	{Name: "offset.flush.timeout.ms", Type: "LONG", Default: new("5000")},
	{Name: "task.shutdown.graceful.timeout.ms", Type: "LONG", Default: new("5000")},
	{Name: "listeners", Type: "LIST", Default: new("http://:8083"), Check: connect.NonEmpty},
	{Name: "admin.listeners", Type: "LIST"},
	{Name: "rest.advertised.host.name", Type: "STRING"},
	{Name: "rest.advertised.port", Type: "INT"},
	{Name: "rest.advertised.listener", Type: "STRING", Check: connect.OneOf("http", "https")},
	{Name: "rest.extension.classes", Type: "LIST", Check: noExtension},
	{Name: "access.control.allow.origin", Type: "STRING"},
	{Name: "access.control.allow.methods", Type: "STRING"},
	{Name: "response.http.headers.config", Type: "STRING"},
	{Name: "plugin.path", Type: "LIST"},
	{Name: "plugin.discovery", Type: "STRING", Default: new("hybrid_warn"), Check: connect.OneOf("only_scan", "hybrid_warn", "hybrid_fail", "service_load")},
	{Name: "config.providers", Type: "LIST"},
	{Name: policyKey, Type: "STRING", Default: new("All")},
	{Name: allowlistKey, Type: "LIST"},
	{Name: "topic.creation.enable", Type: "BOOLEAN", Default: new("true")},
	{Name: "topic.tracking.enable", Type: "BOOLEAN", Default: new("true")},
	{Name: "topic.tracking.allow.reset", Type: "BOOLEAN", Default: new("true")},
	{Name: "metric.reporters", Type: "LIST"},
	{Name: "metrics.num.samples", Type: "INT", Default: new("2"), Check: connect.AtLeast(1)},
	{Name: "metrics.sample.window.ms", Type: "LONG", Default: new("30000"), Check: connect.AtLeast(0)},
	{Name: "metrics.recording.level", Type: "STRING", Default: new("INFO"), Check: connect.OneOf("INFO", "DEBUG", "TRACE")},
}

// prefixes are what the names of other people's settings begin with: those of clients, converters, providers and of TLS and SASL, which
// are checked where they are used.
var prefixes = []string{
	"producer.", "consumer.", "admin.", "key.converter.", "value.converter.", "header.converter.", "config.providers.", "listeners.https.", "admin.listeners.https.",
	"ssl.", "sasl.", "security.", "metrics.context.", "metric.",
}

func noExtension(string) error {
	return errors.New("REST extensions are Java classes; leave it away and have a proxy in front of the listener do their work")
}

// Check looks at a worker's configuration and fills in where the cluster is. unknown are the settings that mean nothing to it.
func Check(config connect.Config) (unknown []string, err error) {
	for i := range settings {
		if errs := settings[i].Errors(config); len(errs) > 0 {
			return nil, errors.New(errs[0])
		}
	}
	config["bootstrap.servers"] = config.Or("bootstrap.servers", "localhost:9092")
	if _, err := parsePolicy(config); err != nil {
		return nil, err
	}
	for _, role := range []string{"key.converter", "value.converter", "header.converter"} {
		if class, ok := config[role]; ok {
			if _, err := converters.New(class, config.Prefixed(role+"."), role == "key.converter"); err != nil {
				return nil, fmt.Errorf("Invalid value %s for configuration %s: %w", class, role, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		known := slices.ContainsFunc(settings, func(k connect.ConfigKey) bool { return k.Name == name }) ||
			slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if !known {
			unknown = append(unknown, name)
		}
	}
	return unknown, nil
}
