package api

// DescribeConfigs, v0-v4: the configuration in force and where each value comes from.
//
//   - Topics, brokers (their own id, or "" for the cluster-wide defaults), broker loggers, client-metrics subscriptions and groups.
//   - v1 synonyms and sources (KIP-226) instead of a default flag; v3 types and documentation (KIP-569).
//   - A sensitive value is null. A resource that can't be described has an error and no entries; the others are answered.

import (
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) describeConfigs(r *wire.Request) {
	d := configDescriber{nodeID: h.NodeID, layers: h.Layers(), loggers: h.Loggers}
	r.Respond(d.describe(h.Metadata.Current(), r.Body.(*kmsg.DescribeConfigsRequest)))
}

// configDescriber knows a node's own configuration, and with that what applies to everything else.
type configDescriber struct {
	nodeID  ident.BrokerID
	layers  *config.Layers
	loggers Loggers
}

func (d configDescriber) describe(image *metadata.Image, req *kmsg.DescribeConfigsRequest) *kmsg.DescribeConfigsResponse {
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	unknown := slices.ContainsFunc(req.Resources, func(res kmsg.DescribeConfigsRequestResource) bool { return !describable(res.ResourceType) })
	var plain []kmsg.DescribeConfigsResponseResourceConfig // of a topic without settings of its own: in a large cluster most are
	for _, res := range req.Resources {
		row := kmsg.NewDescribeConfigsResponseResource()
		row.ResourceType, row.ResourceName, row.ErrorMessage = res.ResourceType, res.ResourceName, new("")
		var entries []config.Entry
		var err error = kerr.InvalidRequest // of all, where one is of an unknown kind
		isPlain := !unknown && plainTopic(image, &res)
		if isPlain && plain != nil {
			row.Configs = plain
			resp.Resources = append(resp.Resources, row)
			continue
		}
		if !unknown {
			entries, err = d.entries(image, metadata.ConfigResourceType(res.ResourceType), res.ResourceName)
		}
		if err != nil {
			row.ErrorCode = wire.ErrorCode(err)
			if text := wire.ErrorMessage(err); row.ErrorCode != kerr.UnknownTopicOrPartition.Code {
				row.ErrorMessage = text
			}
		}
		row.Configs = describedConfigs(req, res.ConfigNames, entries)
		if isPlain {
			plain = row.Configs
		}
		resp.Resources = append(resp.Resources, row)
	}
	return resp
}

// plainTopic reports whether a resource is a topic that has the cluster's defaults, and all of its settings are asked for.
func plainTopic(image *metadata.Image, res *kmsg.DescribeConfigsRequestResource) bool {
	return metadata.ConfigResourceType(res.ResourceType) == metadata.ConfigTopic && len(res.ConfigNames) == 0 &&
		image.Topic(res.ResourceName) != nil && len(image.Config(metadata.ConfigTopic, res.ResourceName)) == 0
}

func describedConfigs(req *kmsg.DescribeConfigsRequest, only []string, entries []config.Entry) []kmsg.DescribeConfigsResponseResourceConfig {
	out := make([]kmsg.DescribeConfigsResponseResourceConfig, 0, len(entries))
	for _, e := range entries {
		if len(only) == 0 || slices.Contains(only, e.Name) {
			out = append(out, describedConfig(req, e))
		}
	}
	return out
}

// describable reports whether there is such a kind of resource.
func describable(t kmsg.ConfigResourceType) bool {
	switch metadata.ConfigResourceType(t) {
	case metadata.ConfigTopic, metadata.ConfigBroker, metadata.ConfigBrokerLogger, metadata.ConfigClientMetrics, metadata.ConfigGroup:
		return true
	}
	return false
}

// entries lists a resource's configuration.
func (d configDescriber) entries(image *metadata.Image, t metadata.ConfigResourceType, name string) ([]config.Entry, error) {
	switch t {
	case metadata.ConfigTopic:
		if err := validateTopicName(name); err != nil {
			return nil, err
		}
		if image.Topic(name) == nil {
			return nil, kerr.UnknownTopicOrPartition
		}
		return d.layers.DescribeTopic(image.Config(t, name)), nil
	case metadata.ConfigBroker:
		if name == "" {
			return d.layers.DescribeClusterWide(), nil
		}
		if err := d.ownNode(name, "Unexpected broker id, expected %d or empty string, but received %s"); err != nil {
			return nil, err
		}
		return d.layers.DescribeBroker(), nil
	case metadata.ConfigBrokerLogger:
		if name == "" {
			return nil, wire.Refusef(kerr.InvalidRequest, "Broker id must not be empty")
		}
		if err := d.ownNode(name, "Unexpected broker id, expected %d but received %s"); err != nil {
			return nil, err
		}
		return plainEntries(d.loggers.Levels(), config.SourceDynamicBrokerLogger), nil
	case metadata.ConfigClientMetrics:
		if name == "" {
			return nil, wire.Refusef(kerr.InvalidRequest, "Client metrics subscription name must not be empty")
		}
		return config.DescribeClientMetrics(image.Config(t, name)), nil
	case metadata.ConfigGroup:
		if name == "" {
			return nil, wire.Refusef(kerr.InvalidRequest, "Group name must not be empty")
		}
		return d.layers.DescribeGroup(image.Config(t, name)), nil
	}
	return nil, wire.Refusef(kerr.InvalidRequest, "Unsupported resource type: %d", t)
}

// ownNode checks that a broker resource is this node: only it knows its own configuration.
func (d configDescriber) ownNode(name, unexpected string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return wire.Refusef(kerr.InvalidRequest, "Broker id must be an integer, but it is: %s", name)
	}
	if int32(id) != int32(d.nodeID) {
		return wire.Refusef(kerr.InvalidRequest, unexpected, d.nodeID, name)
	}
	return nil
}

// plainEntries are entries without defaults behind them, of an unknown type, as in Apache Kafka.
func plainEntries(values map[string]string, source config.Source) []config.Entry {
	entries := make([]config.Entry, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		entries = append(entries, config.Entry{Name: name, Value: new(values[name]), Source: source})
	}
	return entries
}

func describedConfig(req *kmsg.DescribeConfigsRequest, e config.Entry) kmsg.DescribeConfigsResponseResourceConfig {
	out := kmsg.NewDescribeConfigsResponseResourceConfig()
	out.Name, out.Value, out.ReadOnly, out.IsSensitive = e.Name, e.Value, e.ReadOnly, e.Sensitive
	out.Source, out.ConfigType = kmsg.ConfigSource(e.Source), kmsg.ConfigType(e.Type)
	out.IsDefault = e.Source == config.SourceDefault
	if e.Sensitive {
		out.Value = nil
	}
	if req.IncludeDocumentation {
		out.Documentation = new(e.Doc)
	}
	if req.IncludeSynonyms {
		for _, s := range e.Synonyms {
			row := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			row.Name, row.Value, row.Source = s.Name, s.Value, kmsg.ConfigSource(s.Source)
			if e.Sensitive {
				row.Value = nil
			}
			out.ConfigSynonyms = append(out.ConfigSynonyms, row)
		}
	}
	return out
}
