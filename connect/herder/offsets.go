package herder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/worker"
)

// OffsetList is the offsets of a connector as the REST API shows them.
type OffsetList struct {
	Offsets []Offset `json:"offsets"`
}

// Offset is where a connector is in one partition: of its source, or of a topic.
type Offset struct {
	Partition map[string]any `json:"partition"`
	Offset    map[string]any `json:"offset"`
}

func (h *Herder) connectorAt(name string, mustBeStopped bool) (connect.Config, *connect.Plugin, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return nil, nil, notFound(name)
	}
	if mustBeStopped && c.state != worker.Stopped {
		return nil, nil, refuse(http.StatusBadRequest, "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name)
	}
	config, err := h.worker.Resolve(c.config)
	return config, c.plugin, err
}

func group(name string, config connect.Config) string {
	return config.Or("consumer.override.group.id", "connect-"+name)
}

// Offsets returns a connector's offsets.
func (h *Herder) Offsets(ctx context.Context, name string) (*OffsetList, error) {
	config, plugin, err := h.connectorAt(name, false)
	if err != nil {
		return nil, err
	}
	out := &OffsetList{Offsets: []Offset{}}
	if plugin.Kind == connect.Sink {
		committed, err := h.admin.Admin.FetchOffsets(ctx, group(name, config))
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, h.admin.Cause(err)
		}
		for _, o := range committed.Sorted() {
			out.Offsets = append(out.Offsets, Offset{
				map[string]any{"kafka_topic": o.Topic, "kafka_partition": o.Partition}, map[string]any{"kafka_offset": o.At},
			})
		}
		return out, nil
	}
	for _, key := range h.sourceKeys(name) {
		value, _ := h.worker.Offsets.Get(key)
		offset, err := worker.DecodeOffset(value)
		if err != nil {
			return nil, err
		}
		out.Offsets = append(out.Offsets, Offset{partitionOf(key), offset})
	}
	return out, nil
}

func (h *Herder) sourceKeys(name string) []string {
	prefix, err := worker.Plain([]any{name})
	if err != nil {
		return nil
	}
	prefix[len(prefix)-1] = ','
	return h.worker.Offsets.Keys(string(prefix))
}

// partitionOf returns the source partition in a store's key.
func partitionOf(key string) map[string]any {
	var parts []json.RawMessage
	if json.Unmarshal([]byte(key), &parts) != nil || len(parts) != 2 {
		return nil
	}
	m, _ := worker.DecodeOffset(parts[1])
	return m
}

// ResetOffsets forgets a stopped connector's offsets.
func (h *Herder) ResetOffsets(ctx context.Context, name string) (string, error) {
	config, plugin, err := h.connectorAt(name, true)
	if err != nil {
		return "", err
	}
	const done = "The offsets for this connector have been reset successfully"
	if plugin.Kind == connect.Sink {
		resp, err := h.admin.Admin.DeleteGroups(ctx, group(name, config))
		if err == nil {
			err = resp.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return "", h.admin.Cause(err)
		}
		return done, nil
	}
	changes := make(map[string][]byte)
	for _, key := range h.sourceKeys(name) {
		changes[key] = nil
	}
	return done, h.worker.Offsets.Set(changes)
}

// AlterOffsets sets offsets of a stopped connector; a null offset resets one.
func (h *Herder) AlterOffsets(ctx context.Context, name string, list []Offset) (string, error) {
	if len(list) == 0 {
		return "", refuse(http.StatusBadRequest, "Partitions / offsets need to be provided for an alter offsets request")
	}
	config, plugin, err := h.connectorAt(name, true)
	if err != nil {
		return "", err
	}
	const done = "The offsets for this connector have been altered successfully"
	for _, o := range list {
		worker.Numbers(o.Partition)
		worker.Numbers(o.Offset)
	}
	if plugin.Kind == connect.Sink {
		return done, h.alterSink(ctx, name, group(name, config), list)
	}
	changes := make(map[string][]byte, len(list))
	for _, o := range list {
		if o.Partition == nil {
			return "", refuse(http.StatusInternalServerError, "Partition objects cannot be null")
		}
		if plugin.CheckOffset != nil {
			if err := plugin.CheckOffset(config, o.Partition, o.Offset); err != nil {
				return "", refuse(http.StatusInternalServerError, "%s", err.Error())
			}
		}
		key, err := worker.OffsetKey(name, o.Partition)
		if err != nil {
			return "", err
		}
		changes[key] = nil
		if o.Offset != nil {
			if changes[key], err = worker.Plain(o.Offset); err != nil {
				return "", err
			}
		}
	}
	return done, h.worker.Offsets.Set(changes)
}

func (h *Herder) alterSink(ctx context.Context, name, group string, list []Offset) error {
	set, remove := make(kadm.Offsets), make(kadm.TopicsSet)
	for _, o := range list {
		topic, partition, err := kafkaPartition(o.Partition)
		if err != nil {
			return err
		}
		if o.Offset == nil {
			remove.Add(topic, partition)
			continue
		}
		value, ok := o.Offset["kafka_offset"]
		if !ok {
			return refuse(http.StatusBadRequest, "The offset for a sink connector should either be null or contain the key 'kafka_offset'")
		}
		at, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		if err != nil {
			return refuse(http.StatusBadRequest, "Failed to parse the following Kafka offset value in the provided offsets: '%v'. Offset values for sink connectors need to be integers.", value)
		}
		if at < 0 {
			return refuse(http.StatusInternalServerError, "Failed to modify offsets for sink connector %s", name)
		}
		set.AddOffset(topic, partition, at, -1)
	}
	var errs []error
	if len(set) > 0 {
		resp, err := h.admin.Admin.CommitOffsets(ctx, group, set)
		errs = append(errs, err, resp.Error())
	}
	if len(remove) > 0 {
		resp, err := h.admin.Admin.DeleteOffsets(ctx, group, remove)
		errs = append(errs, err, resp.Error())
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 0 {
		return h.admin.Cause(errs[0])
	}
	return nil
}

// kafkaPartition reads the partition of a sink's offset.
func kafkaPartition(m map[string]any) (string, int32, error) {
	if m == nil {
		return "", 0, refuse(http.StatusBadRequest, "The partition for a sink connector offset cannot be null or missing")
	}
	topic, ok1 := m["kafka_topic"]
	partition, ok2 := m["kafka_partition"]
	if !ok1 || !ok2 {
		return "", 0, refuse(http.StatusBadRequest, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
	}
	n, err := strconv.ParseInt(fmt.Sprint(partition), 10, 32)
	if err != nil {
		return "", 0, refuse(http.StatusBadRequest, "Failed to parse the following Kafka partition value in the provided offsets: '%v'. Partition values for sink connectors need to be integers.", partition)
	}
	return fmt.Sprint(topic), int32(n), nil
}
