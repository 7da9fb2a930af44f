package main

import (
	"context"
	"time"

	"github.com/kgo-project/kgo/connect"
)

// counter is the connector: its name, its settings, and how its tasks are made.
var counter = &connect.Plugin{
	Class:     "example.CounterSourceConnector",
	TaskClass: "example.CounterSourceTask",
	Kind:      connect.Source,
	Version:   "1.0",
	Config: &connect.ConfigDef{Keys: []connect.ConfigKey{
		{Name: "topic", Type: "STRING", Required: true, Importance: "HIGH", Doc: "Where the numbers go.", Check: connect.NonEmpty},
		{Name: "interval.ms", Type: "LONG", Default: new("1000"), Importance: "LOW", Doc: "The time between two numbers.", Check: connect.AtLeast(1)},
	}},
	NewSource: func() connect.SourceTask { return &counterTask{} },
}

// counterTask counts 1, 2, 3 and goes on where it was after a restart, or after kill -9.
type counterTask struct {
	topic    string
	interval time.Duration
	last     int64
}

// where names what is read: a connector that reads several things has a partition for each.
var where = map[string]any{"counter": "only"}

func (t *counterTask) Start(sc connect.SourceContext, config connect.Config) error {
	t.topic, t.interval = config["topic"], config.Duration("interval.ms", time.Second)
	offset, err := sc.Offset(where)
	if err != nil {
		return err
	}
	t.last, _ = offset["last"].(int64) // 0 the first time
	return nil
}

func (t *counterTask) Poll(ctx context.Context) ([]*connect.Record, error) {
	select {
	case <-ctx.Done():
		return nil, nil
	case <-time.After(t.interval):
	}
	t.last++
	return []*connect.Record{{
		Topic: t.topic, Partition: -1, TimestampMs: connect.NoTimestamp,
		Value:           connect.Value{Schema: &connect.Schema{Type: connect.Int64}, Data: t.last},
		SourcePartition: where, SourceOffset: map[string]any{"last": t.last},
	}}, nil
}

func (t *counterTask) Stop() error { return nil }
