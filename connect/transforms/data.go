package transforms

import (
	"slices"
	"time"

	"github.com/kgo-project/kgo/connect"
)

// side is the half of a record that a transform works on.
type side bool

const (
	keySide   side = false
	valueSide side = true
)

func (s side) String() string {
	if s == keySide {
		return "Key"
	}
	return "Value"
}

func (s side) of(r *connect.Record) connect.Value {
	if s == keySide {
		return r.Key
	}
	return r.Value
}

// with returns the record with another key or value.
func (s side) with(r *connect.Record, schema *connect.Schema, data any) *connect.Record {
	c := *r
	if s == keySide {
		c.Key = connect.Value{Schema: schema, Data: data}
	} else {
		c.Value = connect.Value{Schema: schema, Data: data}
	}
	return &c
}

// className is the name of the Java class of a value.
func className(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "java.lang.String"
	case []byte:
		return "[B"
	case bool:
		return "java.lang.Boolean"
	case int8:
		return "java.lang.Byte"
	case int16:
		return "java.lang.Short"
	case int32:
		return "java.lang.Integer"
	case int64:
		return "java.lang.Long"
	case float32:
		return "java.lang.Float"
	case float64:
		return "java.lang.Double"
	case *connect.Decimal:
		return "java.math.BigDecimal"
	case time.Time:
		return "java.util.Date"
	case []any:
		return "java.util.ArrayList"
	case *connect.Map:
		return "java.util.HashMap"
	case *connect.Struct:
		return "org.apache.kafka.connect.data.Struct"
	}
	return "java.lang.Object"
}

func requireMap(v any, purpose string) (*connect.Map, error) {
	m, ok := v.(*connect.Map)
	if !ok {
		return nil, dataErrorf("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(v))
	}
	return m, nil
}

func requireMapOrNull(v any, purpose string) (*connect.Map, error) {
	if v == nil {
		return nil, nil
	}
	return requireMap(v, purpose)
}

func requireStruct(v any, purpose string) (*connect.Struct, error) {
	s, ok := v.(*connect.Struct)
	if !ok {
		return nil, dataErrorf("Only Struct objects supported for [%s], found: %s", purpose, className(v))
	}
	return s, nil
}

func requireStructOrNull(v any, purpose string) (*connect.Struct, error) {
	if v == nil {
		return nil, nil
	}
	return requireStruct(v, purpose)
}

// get reads a field by its index.
func get(s *connect.Struct, i int, replaceNull bool) any {
	if s.Values[i] == nil && replaceNull {
		return s.Schema.Fields[i].Schema.Default
	}
	return s.Values[i]
}

// fieldsOf lists the fields of a schema.
func fieldsOf(s *connect.Schema) ([]connect.Field, error) {
	if s.Type != connect.StructType {
		return nil, dataErrorf("Cannot list fields on non-struct type")
	}
	return s.Fields, nil
}

// basics copies a schema's name, version, documentation and parameters onto another type.
func basics(of *connect.Schema, t connect.Type) *connect.Schema {
	return &connect.Schema{Type: t, Name: of.Name, Version: of.Version, Doc: of.Doc, Params: of.Params}
}

// addField appends a field to a struct's schema.
func addField(s *connect.Schema, name string, schema *connect.Schema) error {
	if name == "" {
		return &connect.DataError{Class: "org.apache.kafka.connect.errors.SchemaBuilderException", Text: "fieldName cannot be null."}
	}
	if s.Field(name) >= 0 {
		return &connect.DataError{Class: "org.apache.kafka.connect.errors.SchemaBuilderException", Text: "Cannot create field because of field name duplication " + name}
	}
	s.Fields = append(s.Fields, connect.Field{Name: name, Schema: schema})
	return nil
}

// schemaCache remembers what became of the last schemas: converters give the same pointer for the same schema.
type schemaCache struct {
	from, to []*connect.Schema
}

const cacheSize = 16

func (c *schemaCache) get(from *connect.Schema, make func() (*connect.Schema, error)) (*connect.Schema, error) {
	if i := slices.Index(c.from, from); i >= 0 {
		return c.to[i], nil
	}
	to, err := make()
	if err != nil {
		return nil, err
	}
	if len(c.from) == cacheSize {
		c.from, c.to = c.from[1:], c.to[1:]
	}
	c.from, c.to = append(c.from, from), append(c.to, to)
	return to, nil
}
