package transforms

import (
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
)

func insertFieldPlugins() []*Plugin {
	field := func(name, what string) connect.ConfigKey {
		return optional(name, "STRING", "MEDIUM", "The field for "+what+". A ! after its name makes it required, a ? optional, as it is without either.", nil)
	}
	return sided("InsertField", []connect.ConfigKey{
		field("topic.field", "the topic"), field("partition.field", "the partition"), field("offset.field", "the offset, in a sink"),
		field("timestamp.field", "the time"), field("static.field", "static.value"),
		optional("static.value", "STRING", "MEDIUM", "The value of static.field.", nil), replaceNullKey(),
	}, newInsertField)
}

// insertion is a field to add, and what it is given.
type insertion struct {
	name   string
	schema *connect.Schema
	value  func(*connect.Record) (any, error)
}

// insertField adds fields with a record's coordinates or a fixed value.
type insertField struct {
	side        side
	fields      []insertion
	replaceNull bool
	cache       schemaCache
}

func newInsertField(on side, s settings) (connect.Transform, error) {
	t := &insertField{side: on, replaceNull: s.replaceNull()}
	add := func(key string, schema *connect.Schema, value func(*connect.Record) (any, error)) {
		name, ok := s.Config[key]
		if !ok {
			return
		}
		schema.Optional = true
		if bare, cut := strings.CutSuffix(name, "!"); cut {
			name, schema.Optional = bare, false
		} else {
			name = strings.TrimSuffix(name, "?")
		}
		t.fields = append(t.fields, insertion{name, schema, value})
	}
	add("topic.field", &connect.Schema{Type: connect.String}, func(r *connect.Record) (any, error) { return r.Topic, nil })
	add("partition.field", &connect.Schema{Type: connect.Int32}, func(r *connect.Record) (any, error) {
		if r.Partition < 0 {
			return nil, nil
		}
		return r.Partition, nil
	})
	add("offset.field", &connect.Schema{Type: connect.Int64}, func(r *connect.Record) (any, error) {
		if !r.FromKafka() {
			return nil, dataErrorf("Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord")
		}
		return r.KafkaOffset, nil
	})
	add("timestamp.field", connect.Logical(connect.TimestampName, true), func(r *connect.Record) (any, error) {
		if r.TimestampMs == connect.NoTimestamp {
			return nil, nil
		}
		return r.TimestampMs, nil
	})
	static, given := s.Config["static.value"]
	if name, ok := s.Config["static.field"]; ok && !given {
		return nil, configErrorf("Invalid value null for configuration static.value: No value specified for static field: %s", name)
	}
	add("static.field", &connect.Schema{Type: connect.String}, func(*connect.Record) (any, error) { return static, nil })
	if len(t.fields) == 0 {
		return nil, configError("No field insertion configured")
	}
	return t, nil
}

func (t *insertField) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Data == nil {
		return r, nil
	}
	if v.Schema == nil {
		m, err := requireMap(v.Data, "field insertion")
		if err != nil {
			return nil, err
		}
		out := m.Copied()
		for _, f := range t.fields {
			value, err := f.value(r)
			if err != nil {
				return nil, err
			}
			if value != nil {
				out.Set(f.name, value)
			}
		}
		return t.side.with(r, nil, out), nil
	}
	s, err := requireStruct(v.Data, "field insertion")
	if err != nil {
		return nil, err
	}
	schema, err := t.cache.get(s.Schema, func() (*connect.Schema, error) {
		out := basics(s.Schema, connect.StructType)
		out.Fields = append(out.Fields, s.Schema.Fields...)
		for _, f := range t.fields {
			if err := addField(out, f.name, f.schema); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	out := connect.NewStruct(schema)
	for i := range s.Schema.Fields {
		out.Values[i] = get(s, i, t.replaceNull)
	}
	for i, f := range t.fields {
		value, err := f.value(r)
		if err != nil {
			return nil, err
		}
		if ms, ok := value.(int64); ok && f.schema.Name != "" {
			value = time.UnixMilli(ms).UTC()
		}
		out.Values[len(s.Schema.Fields)+i] = value
	}
	return t.side.with(r, schema, out), nil
}
