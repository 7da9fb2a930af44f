package connect

import (
	"strconv"
	"strings"
)

// Type is the kind of a value.
type Type int8

// The types, and the Go type of their values.
const (
	Int8       Type = iota // int8
	Int16                  // int16
	Int32                  // int32
	Int64                  // int64
	Float32                // float32
	Float64                // float64
	Boolean                // bool
	String                 // string
	Bytes                  // []byte
	Array                  // []any
	MapType                // *Map
	StructType             // *Struct
)

var typeNames = [...]string{"int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes", "array", "map", "struct"}

// String returns the name that JSON schemas use.
func (t Type) String() string { return typeNames[t] }

// Java returns the name of the constant in Java's Schema.Type.
func (t Type) Java() string {
	switch t {
	case Float32:
		return "FLOAT32"
	case Float64:
		return "FLOAT64"
	default:
		return strings.ToUpper(t.String())
	}
}

// TypeNamed is the inverse of String.
func TypeNamed(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// The names of logical types. Their values are *Decimal for a decimal and time.Time (UTC) for the others.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
)

// Schema describes a value. It is immutable once used.
type Schema struct {
	Type     Type
	Optional bool
	Default  any
	Name     string
	Version  *int32
	Doc      string
	Params   map[string]string

	Fields []Field // of a struct
	Key    *Schema // of a map
	Elem   *Schema // of an array's elements or a map's values
}

// Field is a member of a struct.
type Field struct {
	Name   string
	Schema *Schema
}

// Schemas of plain values.
var (
	StringSchema         = &Schema{Type: String}
	OptionalStringSchema = &Schema{Type: String, Optional: true}
	OptionalBytesSchema  = &Schema{Type: Bytes, Optional: true}
)

// Logical returns the schema of a logical type: [DateName], [TimeName] or [TimestampName].
func Logical(name string, optional bool) *Schema {
	s := &Schema{Type: Int32, Optional: optional, Name: name, Version: new(int32(1))}
	if name == TimestampName {
		s.Type = Int64
	}
	return s
}

// DecimalSchema returns the schema of decimals with a scale.
func DecimalSchema(scale int32, optional bool) *Schema {
	return &Schema{Type: Bytes, Optional: optional, Name: DecimalName, Version: new(int32(1)), Params: map[string]string{"scale": strconv.Itoa(int(scale))}}
}

// String returns the short form that Java's messages have.
func (s *Schema) String() string {
	if s.Name != "" {
		return "Schema{" + s.Name + ":" + s.Type.Java() + "}"
	}
	return "Schema{" + s.Type.Java() + "}"
}

// Field returns the index of a field, -1 if there is none.
func (s *Schema) Field(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Struct is a value with named fields.
type Struct struct {
	Schema *Schema
	Values []any // as Schema.Fields
}

// NewStruct returns a struct without values.
func NewStruct(s *Schema) *Struct { return &Struct{Schema: s, Values: make([]any, len(s.Fields))} }

// Get returns a field's value, or its default where it has none; ok is false if there is no such field.
func (s *Struct) Get(name string) (value any, ok bool) {
	i := s.Schema.Field(name)
	if i < 0 {
		return nil, false
	}
	if s.Values[i] == nil {
		return s.Schema.Fields[i].Schema.Default, true
	}
	return s.Values[i], true
}
