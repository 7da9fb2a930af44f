// Package file has the connectors that read lines from files into Kafka and write records into files, under the names of
// Apache Kafka's FileStreamSource and FileStreamSink and, by default, with their behaviour. It is also the example of a connector.
//
// [Plugins] is the table; options.go has what goes beyond Apache's. source.go is the task that reads one file after the other
// through a tail (tail.go); sink.go appends to one file, parts.go writes part files.
package file

import (
	"errors"

	"github.com/kgo-project/kgo/connect"
)

// Plugins returns the two connectors.
func Plugins() []*connect.Plugin { return []*connect.Plugin{sinkPlugin, sourcePlugin} }

var sourcePlugin = &connect.Plugin{
	Class:     "org.apache.kafka.connect.file.FileStreamSourceConnector",
	TaskClass: "org.apache.kafka.connect.file.FileStreamSourceTask",
	Kind:      connect.Source,
	Version:   connect.Version,
	Config: &connect.ConfigDef{Keys: append([]connect.ConfigKey{
		{Name: "file", Type: "STRING", Importance: "HIGH", Doc: "The file to read; standard input if there is none."},
		{Name: "topic", Type: "STRING", Required: true, Importance: "HIGH", Doc: "The topic that lines are written to.", Check: connect.NonEmpty},
		{Name: "batch.size", Type: "INT", Default: new("2000"), Importance: "LOW", Doc: "The most lines read at once."},
	}, sourceOptions()...)},
	Validate:    checkSource,
	NewSource:   func() connect.SourceTask { return &source{} },
	CheckOffset: checkOffset,
}

func checkOffset(_ connect.Config, partition, offset map[string]any) error {
	if _, ok := partition["filename"]; !ok {
		return errors.New("Partition objects should contain the key 'filename'")
	}
	if offset == nil {
		return nil
	}
	position, ok := offset["position"]
	if !ok {
		return errors.New("Offset objects should either be null or contain the key 'position'")
	}
	p, ok := toInt(position)
	if !ok {
		return errors.New("The value for the 'position' key in the offset is expected to be a Long value")
	}
	if p < 0 {
		return errors.New("The value for the 'position' key in the offset should be a non-negative value")
	}
	return nil
}

var sinkPlugin = &connect.Plugin{
	Class:     "org.apache.kafka.connect.file.FileStreamSinkConnector",
	TaskClass: "org.apache.kafka.connect.file.FileStreamSinkTask",
	Kind:      connect.Sink,
	Version:   connect.Version,
	Config: &connect.ConfigDef{Keys: append([]connect.ConfigKey{
		{Name: "file", Type: "STRING", Importance: "HIGH", Doc: "The file to write; standard output if there is none."},
	}, sinkOptions()...)},
	Validate: checkSink,
	NewSink:  func() connect.SinkTask { return &sink{} },
}

func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), float64(int64(v)) == v
	}
	return 0, false
}
