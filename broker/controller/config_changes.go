package controller

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// What both ways to alter configs share: from changes to records, with every check in between.

const (
	minInsyncReplicas = "min.insync.replicas"
	cordonedLogDirs   = "cordoned.log.dirs"
	maxConfigValue    = 32767
)

// configChange is what should become of one key. A nil value of a set means that the key goes.
type configChange struct {
	op    kmsg.IncrementalAlterConfigOp
	value *string
}

// alterResource works out the records for changes to one resource. isNew is set for a topic that the same request creates.
func (c *call) alterResource(res metadata.ConfigResource, changes map[string]configChange, isNew bool) ([]*record.ConfigRecord, error) {
	current := c.image.Config(res.Type, res.Name)
	if isNew {
		current = nil
	}
	var records []*record.ConfigRecord
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		var old *string
		if value, ok := current[key]; ok {
			old = &value
		}
		next, err := c.newValue(res, key, old, changes[key])
		if err != nil {
			return nil, err
		}
		// A broker's config is written even if it stays the same: brokers reload key and trust stores at every write.
		if equalValues(old, next) && res.Type != metadata.ConfigBroker {
			continue
		}
		records = append(records, &record.ConfigRecord{ResourceType: int8(res.Type), ResourceName: res.Name, Name: key, Value: next})
	}
	return records, c.validateConfig(res, current, records, isNew)
}

// replaceResource works out the records that make values the whole config of a resource.
func (c *call) replaceResource(res metadata.ConfigResource, values map[string]*string) ([]*record.ConfigRecord, error) {
	changes := make(map[string]configChange, len(values))
	for key, value := range values {
		changes[key] = configChange{op: kmsg.IncrementalAlterConfigOpSet, value: value}
	}
	for key := range c.image.Config(res.Type, res.Name) {
		if _, stays := values[key]; !stays {
			changes[key] = configChange{op: kmsg.IncrementalAlterConfigOpDelete}
		}
	}
	return c.alterResource(res, changes, false)
}

// newValue applies one operation to a key's value. Nil stands for no value.
func (c *call) newValue(res metadata.ConfigResource, key string, old *string, change configChange) (*string, error) {
	switch change.op {
	case kmsg.IncrementalAlterConfigOpSet:
		return change.value, nil
	case kmsg.IncrementalAlterConfigOpDelete:
		return nil, nil //nolint:nilnil // no value is what the caller asked for
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
	}
	if !c.cfg.Schema.IsList(res.Type, key) {
		return nil, failf(kerr.InvalidConfig, "Can't %s to key %s because its type is not LIST.", change.op, key)
	}
	if old == nil {
		if value, ok := c.cfg.Schema.Default(res.Type, key); ok {
			old = &value
		}
	}
	joined := ChangeList(change.op, old, change.value)
	return &joined, nil
}

// ChangeList appends the entries of operand to a list, or takes them out of it. An entry is in the list once.
func ChangeList(op kmsg.IncrementalAlterConfigOp, list, operand *string) string {
	var parts []string
	if list != nil {
		parts = slices.DeleteFunc(strings.Split(*list, ","), func(p string) bool { return p == "" })
	}
	if operand == nil {
		operand = new("")
	}
	for value := range strings.SplitSeq(*operand, ",") {
		i := slices.Index(parts, value)
		switch {
		case op == kmsg.IncrementalAlterConfigOpAppend && i < 0:
			parts = append(parts, value)
		case op == kmsg.IncrementalAlterConfigOpSubtract && i >= 0:
			parts = slices.Delete(parts, i, i+1)
		}
	}
	return strings.Join(parts, ",")
}

func equalValues(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// validateConfig checks the config that a resource would have, and that the resource exists.
func (c *call) validateConfig(res metadata.ConfigResource, current map[string]string, records []*record.ConfigRecord, isNew bool) error {
	values := maps.Clone(current)
	if values == nil {
		values = make(map[string]string)
	}
	for _, r := range records {
		if err := c.checkSpecialKeys(res, r, current); err != nil {
			return err
		}
		if r.Value == nil {
			delete(values, r.Name)
			continue
		}
		if len(*r.Value) > maxConfigValue {
			return failf(kerr.InvalidConfig, "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.")
		}
		values[r.Name] = *r.Value
	}
	if err := checkResourceName(res); err != nil {
		return err
	}
	if err := c.cfg.Schema.Validate(res, values); err != nil {
		return err
	}
	if isNew {
		return nil
	}
	return c.checkResourceExists(res)
}

// checkSpecialKeys refuses changes that features in force don't allow.
func (c *call) checkSpecialKeys(res metadata.ConfigResource, r *record.ConfigRecord, current map[string]string) error {
	if res.Type != metadata.ConfigBroker {
		return nil
	}
	switch {
	case r.Name == minInsyncReplicas && c.elrEnabled() && res.Name != "":
		return failf(kerr.InvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
	case r.Name == minInsyncReplicas && c.elrEnabled() && r.Value == nil:
		return failf(kerr.InvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
	case r.Name == cordonedLogDirs && !c.image.MetadataVersion().CordonedDirectories():
		return failf(kerr.InvalidConfig, "The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0")
	case r.Name == cordonedLogDirs && !c.ctx.Forwarded && r.Value != nil && strings.TrimSpace(*r.Value) != "":
		now := splitList(current[cordonedLogDirs])
		if slices.ContainsFunc(splitList(*r.Value), func(d string) bool { return !slices.Contains(now, d) }) {
			return failf(kerr.InvalidConfig, "When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current configuration value.")
		}
	}
	return nil
}

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func checkResourceName(res metadata.ConfigResource) error {
	switch res.Type {
	case metadata.ConfigTopic:
		if res.Name == "" {
			return failf(kerr.InvalidRequest, "Default topic resources are not allowed.")
		}
		return validateTopicName(res.Name)
	case metadata.ConfigBroker:
		if res.Name == "" {
			return nil
		}
		id, err := strconv.ParseInt(res.Name, 10, 32)
		if err != nil {
			return failf(kerr.InvalidRequest, "Unable to parse broker name as a base 10 number.")
		}
		if id < 0 {
			return failf(kerr.InvalidRequest, "Invalid negative broker ID.")
		}
		return nil
	case metadata.ConfigGroup:
		if res.Name == "" {
			return failf(kerr.InvalidRequest, "Default group resources are not allowed.")
		}
		return nil
	case metadata.ConfigClientMetrics:
		if res.Name == "" {
			return failf(kerr.InvalidRequest, "Subscription name can't be empty")
		}
		return nil
	default:
		return failf(kerr.InvalidRequest, "Unknown resource type %s", resourceTypeName(res.Type))
	}
}

// resourceTypeName is the name of Java's enum constant.
func resourceTypeName(typ metadata.ConfigResourceType) string {
	switch typ {
	case metadata.ConfigTopic:
		return "TOPIC"
	case metadata.ConfigBroker:
		return "BROKER"
	case metadata.ConfigBrokerLogger:
		return "BROKER_LOGGER"
	case metadata.ConfigClientMetrics:
		return "CLIENT_METRICS"
	case metadata.ConfigGroup:
		return "GROUP"
	}
	return "UNKNOWN"
}

func (c *call) checkResourceExists(res metadata.ConfigResource) error {
	switch res.Type {
	case metadata.ConfigTopic:
		if c.image.Topic(res.Name) == nil {
			return failf(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", res.Name)
		}
	case metadata.ConfigBroker:
		if res.Name == "" {
			return nil
		}
		n, _ := strconv.ParseInt(res.Name, 10, 32)
		id := ident.BrokerID(n)
		if c.image.Broker(id) == nil && c.image.Controller(id) == nil && !slices.Contains(c.cfg.Voters, id) {
			return failf(kerr.BrokerIDNotRegistered, "No node with id %d found.", id)
		}
	default: // the others exist by being configured
	}
	return nil
}

// emitClearElr adds the records that empty ELRs where min.insync.replicas changes: what they promise rests on the value before.
func (c *call) emitClearElr(records []*record.ConfigRecord) {
	if !c.elrEnabled() {
		return
	}
	for _, r := range records {
		if r.Name != minInsyncReplicas {
			continue
		}
		clear := &record.ClearElrRecord{}
		if r.ResourceType == int8(metadata.ConfigTopic) {
			clear.TopicName = r.ResourceName
		}
		c.emit(clear, 0)
	}
}
