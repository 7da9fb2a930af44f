// Package converters turns the values of connectors into the bytes of Kafka records and back.
//
// [New] makes a converter by the class name that a worker's or a connector's properties give. JSON is written with the bytes
// that Apache's JsonConverter writes, field order and number format included.
package converters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

type class struct {
	name string
	make func(config connect.Config, key bool) (connect.Converter, error)
}

var classes = []class{
	{"org.apache.kafka.connect.converters.BooleanConverter", plain(connect.Boolean, 1)},
	{"org.apache.kafka.connect.converters.ByteArrayConverter", func(connect.Config, bool) (connect.Converter, error) { return byteArray{}, nil }},
	{"org.apache.kafka.connect.converters.DoubleConverter", plain(connect.Float64, 8)},
	{"org.apache.kafka.connect.converters.FloatConverter", plain(connect.Float32, 4)},
	{"org.apache.kafka.connect.converters.IntegerConverter", plain(connect.Int32, 4)},
	{"org.apache.kafka.connect.converters.LongConverter", plain(connect.Int64, 8)},
	{"org.apache.kafka.connect.converters.ShortConverter", plain(connect.Int16, 2)},
	{"org.apache.kafka.connect.json.JsonConverter", newJSON},
	{"org.apache.kafka.connect.storage.StringConverter", func(config connect.Config, _ bool) (connect.Converter, error) {
		if e := config.Or("converter.encoding", "UTF-8"); !strings.EqualFold(e, "UTF-8") && !strings.EqualFold(e, "UTF8") {
			return nil, fmt.Errorf("converter.encoding=%s: kgo's StringConverter knows UTF-8 only", e)
		}
		return stringConverter{}, nil
	}},
	{"org.apache.kafka.connect.storage.SimpleHeaderConverter", func(connect.Config, bool) (connect.Converter, error) { return simpleHeader{}, nil }},
}

// classNames are those of all converters, in the order of the REST API.
var classNames = func() []string {
	var names []string
	for _, c := range classes {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return names
}()

// Classes returns the class names of the converters that keys and values may have.
func Classes() []string {
	return slices.DeleteFunc(slices.Clone(classNames), func(name string) bool { return strings.HasSuffix(name, ".SimpleHeaderConverter") })
}

// Find returns the full class name for a name or an alias such as JsonConverter or Json.
func Find(name string) (string, bool) {
	for _, c := range classes {
		simple := c.name[strings.LastIndexByte(c.name, '.')+1:]
		if name == c.name || name == simple || name == strings.TrimSuffix(simple, "Converter") {
			return c.name, true
		}
	}
	return "", false
}

// New makes a converter with its own configuration (prefix removed).
func New(name string, config connect.Config, key bool) (connect.Converter, error) {
	full, ok := Find(name)
	if !ok {
		return nil, fmt.Errorf("Class %s could not be found.", name)
	}
	keys, _ := Definitions(full)
	for i := range keys {
		if keys[i].Required { // the type, which the worker knows
			continue
		}
		if errs := keys[i].Errors(config); len(errs) > 0 {
			return nil, errors.New(errs[0])
		}
	}
	for _, c := range classes {
		if c.name == full {
			return c.make(config, key)
		}
	}
	return nil, fmt.Errorf("no converter %s", name)
}

type byteArray struct{}

func (byteArray) FromConnect(_ string, v connect.Value) ([]byte, error) {
	if v.Schema != nil && v.Schema.Type != connect.Bytes {
		return nil, connect.DataErrorf(nil, "Invalid schema type for ByteArrayConverter: "+strings.ToUpper(v.Schema.Type.String()))
	}
	b, ok := v.Data.([]byte)
	if !ok && v.Data != nil {
		return nil, connect.DataErrorf(nil, fmt.Sprintf("ByteArrayConverter is not compatible with objects of type %T", v.Data))
	}
	return b, nil
}

func (byteArray) ToConnect(_ string, data []byte) (connect.Value, error) {
	if data == nil {
		return connect.Value{Schema: connect.OptionalBytesSchema}, nil
	}
	return connect.Value{Schema: connect.OptionalBytesSchema, Data: data}, nil
}

type stringConverter struct{}

func (stringConverter) FromConnect(_ string, v connect.Value) ([]byte, error) {
	if v.Data == nil {
		return nil, nil
	}
	return connect.AppendText([]byte{}, v.Data), nil // nothing written is not null
}

func (stringConverter) ToConnect(_ string, data []byte) (connect.Value, error) {
	if data == nil {
		return connect.Value{Schema: connect.OptionalStringSchema}, nil
	}
	return connect.Value{Schema: connect.OptionalStringSchema, Data: connect.DecodeUTF8(data)}, nil
}

// The one NaN that Java writes; Go's has other bits.
const (
	javaNaN32 = 0x7fc00000
	javaNaN64 = 0x7ff8000000000000
)

// plainConverter is one of the converters of fixed size, big-endian.
type plainConverter struct {
	schema *connect.Schema
	size   int
}

func plain(t connect.Type, size int) func(connect.Config, bool) (connect.Converter, error) {
	c := plainConverter{&connect.Schema{Type: t, Optional: true}, size}
	return func(connect.Config, bool) (connect.Converter, error) { return c, nil }
}

func (c plainConverter) FromConnect(_ string, v connect.Value) ([]byte, error) {
	switch d := v.Data.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.schema.Type == connect.Boolean {
			if d {
				return []byte{1}, nil
			}
			return []byte{0}, nil
		}
	case int16:
		if c.schema.Type == connect.Int16 {
			return binary.BigEndian.AppendUint16(nil, uint16(d)), nil
		}
	case int32:
		if c.schema.Type == connect.Int32 {
			return binary.BigEndian.AppendUint32(nil, uint32(d)), nil
		}
	case int64:
		if c.schema.Type == connect.Int64 {
			return binary.BigEndian.AppendUint64(nil, uint64(d)), nil
		}
	case float32:
		if c.schema.Type == connect.Float32 {
			if math.IsNaN(float64(d)) {
				return binary.BigEndian.AppendUint32(nil, javaNaN32), nil
			}
			return binary.BigEndian.AppendUint32(nil, math.Float32bits(d)), nil
		}
	case float64:
		if c.schema.Type == connect.Float64 {
			if math.IsNaN(d) {
				return binary.BigEndian.AppendUint64(nil, javaNaN64), nil
			}
			return binary.BigEndian.AppendUint64(nil, math.Float64bits(d)), nil
		}
	}
	return nil, connect.DataErrorf(nil, fmt.Sprintf("Failed to serialize to a %s: got %T", c.schema.Type, v.Data))
}

func (c plainConverter) ToConnect(_ string, data []byte) (connect.Value, error) {
	v := connect.Value{Schema: c.schema}
	if data == nil {
		return v, nil
	}
	if len(data) != c.size {
		return v, connect.DataErrorf(nil, fmt.Sprintf("Failed to deserialize %s: %d bytes instead of %d", c.schema.Type, len(data), c.size))
	}
	switch c.schema.Type {
	case connect.Boolean:
		v.Data = data[0] != 0
	case connect.Int16:
		v.Data = int16(binary.BigEndian.Uint16(data))
	case connect.Int32:
		v.Data = int32(binary.BigEndian.Uint32(data))
	case connect.Int64:
		v.Data = int64(binary.BigEndian.Uint64(data))
	case connect.Float32:
		v.Data = math.Float32frombits(binary.BigEndian.Uint32(data))
	default:
		v.Data = math.Float64frombits(binary.BigEndian.Uint64(data))
	}
	return v, nil
}

// simpleHeader is SimpleHeaderConverter: strings as they are, everything else as text, whose type is found again by reading it.
type simpleHeader struct{}

func (simpleHeader) FromConnect(_ string, v connect.Value) ([]byte, error) {
	if v.Data == nil {
		return nil, nil
	}
	return connect.AppendLiteral([]byte{}, v.Data), nil
}

func (simpleHeader) ToConnect(_ string, data []byte) (connect.Value, error) {
	if data == nil {
		return connect.Value{}, nil
	}
	return connect.ParseValue(connect.DecodeUTF8(data)), nil
}
