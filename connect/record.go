package connect

// Record is what travels between a connector and Kafka.
type Record struct {
	Topic     string
	Partition int32 // -1: the producer chooses
	Key       Value
	Value     Value
	Headers   []Header
	// TimestampMs is milliseconds since 1970; NoTimestamp lets the producer choose.
	TimestampMs int64

	// SourcePartition and SourceOffset say where a source's record comes from, for going on behind it. The last record of a Poll
	// that is of a partition has to have an offset; the others need none.
	SourcePartition map[string]any
	SourceOffset    map[string]any

	// KafkaOffset is where a sink's record lies; Origin is the record's place before transforms moved it.
	KafkaOffset int64
	Origin      TopicPartition
}

// NoTimestamp is the time of a record that has none.
const NoTimestamp = -1

// Value is a value with its schema, which is nil for data without one.
type Value struct {
	Schema *Schema
	Data   any
}

// Header is a record header.
type Header struct {
	Key string
	Value
}

// Clone returns a copy that can be given other keys, values and headers.
func (r *Record) Clone() *Record {
	c := *r
	c.Headers = append([]Header(nil), r.Headers...)
	return &c
}

// FromKafka tells a sink's record from a source's.
func (r *Record) FromKafka() bool { return r.Origin.Topic != "" }

// Converter turns values into the bytes of a Kafka record and back. It is used by one task, and may cache.
type Converter interface {
	FromConnect(topic string, v Value) ([]byte, error)
	// ToConnect may keep parts of data.
	ToConnect(topic string, data []byte) (Value, error)
}

// Transform changes a record or, by returning nil, drops it.
type Transform interface {
	Apply(*Record) (*Record, error)
}

// Predicate decides whether a transform is applied.
type Predicate interface {
	Test(*Record) bool
}
