package converters

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/kgo-project/kgo/connect"
)

// jsonConverter is Kafka Connect's JsonConverter: with schemas an envelope {"schema":..., "payload":...}, without them plain JSON.
type jsonConverter struct {
	schemas         bool
	replaceNull     bool
	numericDecimals bool
	content         *connect.Schema // schema.content

	// The last schemas, written and read: nearly always they are those of the next record too.
	written     *connect.Schema
	writtenJSON []byte
	read        *connect.Schema
	readJSON    []byte
}

func newJSON(config connect.Config, _ bool) (connect.Converter, error) {
	c := &jsonConverter{
		schemas:         config.Bool("schemas.enable", true),
		replaceNull:     config.Bool("replace.null.with.default", true),
		numericDecimals: config.Or("decimal.format", "BASE64") == "NUMERIC",
	}
	if text := config["schema.content"]; text != "" && c.schemas {
		node, err := parseJSON([]byte(text))
		if err == nil {
			c.content, err = c.schemaOf(node)
		}
		if err != nil {
			return nil, fmt.Errorf("schema.content: %w", err)
		}
	}
	return c, nil
}

// FromConnect implements connect.Converter.
func (c *jsonConverter) FromConnect(_ string, v connect.Value) ([]byte, error) {
	if v.Schema == nil && v.Data == nil {
		return nil, nil
	}
	if !c.schemas {
		return c.appendValue(nil, v.Schema, v.Data)
	}
	if v.Schema == nil || v.Schema != c.written {
		b, err := c.appendSchema([]byte(`{"schema":`), v.Schema, "")
		if err != nil {
			return nil, err
		}
		c.written, c.writtenJSON = v.Schema, append(b, `,"payload":`...)
	}
	size := len(c.writtenJSON) + 32
	if s, ok := v.Data.(string); ok {
		size += len(s)
	}
	b, err := c.appendValue(append(make([]byte, 0, size), c.writtenJSON...), v.Schema, v.Data)
	return append(b, '}'), err
}

// ToConnect implements connect.Converter.
func (c *jsonConverter) ToConnect(_ string, data []byte) (connect.Value, error) {
	if data == nil {
		return connect.Value{}, nil
	}
	if c.schemas && c.content == nil && c.readJSON != nil && bytes.HasPrefix(data, c.readJSON) {
		p := jsonParser{b: data, pos: len(c.readJSON)}
		node, err := p.value()
		if err == nil && p.space() == '}' && p.pos == len(data)-1 {
			v, err := c.fromNode(c.read, node)
			return connect.Value{Schema: c.read, Data: v}, err
		}
	}
	var node any // nothing at all is read as null
	var err error
	if len(bytes.Trim(data, " \t\r\n")) > 0 {
		node, err = parseJSON(data)
	}
	if err != nil {
		return connect.Value{}, &connect.DataError{
			Class: "org.apache.kafka.connect.errors.DataException",
			Text:  "Converting byte[] to Kafka Connect data failed due to serialization error: ",
			Cause: &connect.DataError{Class: "org.apache.kafka.common.errors.SerializationException", Text: err.Error()},
		}
	}
	if !c.schemas || c.content != nil {
		v, err := c.fromNode(c.content, node)
		return connect.Value{Schema: c.content, Data: v}, err
	}
	envelope, _ := node.(*connect.Map)
	if envelope == nil || envelope.Len() != 2 {
		return connect.Value{}, connect.DataErrorf(nil, noEnvelope)
	}
	schemaNode, ok1 := envelope.Get("schema")
	payload, ok2 := envelope.Get("payload")
	if !ok1 || !ok2 {
		return connect.Value{}, connect.DataErrorf(nil, noEnvelope)
	}
	schema, err := c.schemaOf(schemaNode)
	if err != nil {
		return connect.Value{}, err
	}
	c.remember(data, schema)
	v, err := c.fromNode(schema, payload)
	return connect.Value{Schema: schema, Data: v}, err
}

// remember keeps the bytes before the payload of an envelope written in the usual order, to recognize the next one by.
func (c *jsonConverter) remember(data []byte, schema *connect.Schema) {
	const before, between = `{"schema":`, `,"payload":`
	if !bytes.HasPrefix(data, []byte(before)) {
		return
	}
	p := jsonParser{b: data, pos: len(before)}
	if _, err := p.value(); err == nil && bytes.HasPrefix(data[p.pos:], []byte(between)) {
		c.read, c.readJSON = schema, bytes.Clone(data[:p.pos+len(between)])
	}
}

const noEnvelope = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.` +
	` If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`

// schemaOf reads a schema.
func (c *jsonConverter) schemaOf(node any) (*connect.Schema, error) {
	if node == nil {
		return nil, nil
	}
	m, _ := node.(*connect.Map)
	if m == nil {
		return nil, connect.DataErrorf(nil, "Schema must contain 'type' field")
	}
	name, ok := get[string](m, "type")
	if !ok {
		return nil, connect.DataErrorf(nil, "Schema must contain 'type' field")
	}
	t, ok := connect.TypeNamed(name)
	if !ok {
		return nil, connect.DataErrorf(nil, "Unknown schema type: "+name)
	}
	s := &connect.Schema{Type: t}
	var err error
	sub := func(key, complaint string) *connect.Schema {
		n, _ := m.Get(key)
		var out *connect.Schema
		if err == nil {
			if out, err = c.schemaOf(n); err == nil && out == nil {
				err = connect.DataErrorf(nil, complaint)
			}
		}
		return out
	}
	switch t {
	case connect.Array:
		s.Elem = sub("items", "Array schema did not specify the element type")
	case connect.MapType:
		s.Key = sub("keys", "Map schema did not specify the key type")
		s.Elem = sub("values", "Map schema did not specify the value type")
	case connect.StructType:
		fields, ok := get[[]any](m, "fields")
		if !ok {
			return nil, connect.DataErrorf(nil, `Struct schema's "fields" argument is not an array.`)
		}
		for _, f := range fields {
			fm, _ := f.(*connect.Map)
			if fm == nil {
				return nil, connect.DataErrorf(nil, "Struct schema's field name not specified properly")
			}
			fieldName, ok := get[string](fm, "field")
			if !ok {
				return nil, connect.DataErrorf(nil, "Struct schema's field name not specified properly")
			}
			fs, err := c.schemaOf(fm)
			if err != nil {
				return nil, err
			}
			s.Fields = append(s.Fields, connect.Field{Name: fieldName, Schema: fs})
		}
	}
	if err != nil {
		return nil, err
	}
	return s, c.schemaDetails(s, m)
}

func (c *jsonConverter) schemaDetails(s *connect.Schema, m *connect.Map) error {
	s.Optional, _ = get[bool](m, "optional")
	s.Name, _ = get[string](m, "name")
	s.Doc, _ = get[string](m, "doc")
	if v, ok := get[number](m, "version"); ok {
		n, err := strconv.ParseInt(string(v), 10, 32)
		if err != nil {
			return connect.DataErrorf(nil, "Invalid schema version: "+string(v))
		}
		version := int32(n)
		s.Version = &version
	}
	if params, ok := get[*connect.Map](m, "parameters"); ok {
		s.Params = make(map[string]string, params.Len())
		for k, v := range params.All {
			text, ok := v.(string)
			if !ok {
				return connect.DataErrorf(nil, "Schema parameters must have string values.")
			}
			s.Params[k.(string)] = text
		}
	}
	if d, ok := m.Get("default"); ok && d != nil {
		v, err := c.fromNode(s, d)
		if err != nil {
			return err
		}
		s.Default = v
	}
	return nil
}

func get[T any](m *connect.Map, key string) (T, bool) {
	v, _ := m.Get(key)
	t, ok := v.(T)
	return t, ok
}

// fromNode turns parsed JSON into a value; without a schema integers are int64, other numbers float64.
func (c *jsonConverter) fromNode(s *connect.Schema, node any) (any, error) {
	if s == nil {
		return schemaless(node), nil
	}
	if node == nil {
		if s.Default != nil && c.replaceNull {
			return s.Default, nil
		}
		if s.Optional {
			return nil, nil
		}
		return nil, connect.DataErrorf(nil, "Invalid null value for required "+s.Type.String()+" field")
	}
	switch s.Name {
	case connect.DecimalName, connect.DateName, connect.TimeName, connect.TimestampName:
		return c.logical(s, node)
	}
	switch n := node.(type) {
	case string:
		switch s.Type {
		case connect.String:
			return n, nil
		case connect.Bytes:
			b, err := base64.StdEncoding.DecodeString(n)
			if err != nil {
				return nil, connect.DataErrorf(err, "Invalid bytes field")
			}
			return b, nil
		}
	case bool:
		if s.Type == connect.Boolean {
			return n, nil
		}
	case number:
		if v := toNumber(s.Type, n); v != nil {
			return v, nil
		}
	case []any:
		return c.fromArray(s, n)
	case *connect.Map:
		return c.fromObject(s, n)
	}
	return nil, connect.DataErrorf(nil, fmt.Sprintf("Invalid value for a field of type %s: %v", s.Type, node))
}

func toNumber(t connect.Type, n number) any {
	f, _ := strconv.ParseFloat(string(n), 64)
	i, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		i = int64(f)
	}
	switch t {
	case connect.Int8:
		return int8(i)
	case connect.Int16:
		return int16(i)
	case connect.Int32:
		return int32(i)
	case connect.Int64:
		return i
	case connect.Float32:
		return float32(f)
	case connect.Float64:
		return f
	}
	return nil
}

func (c *jsonConverter) fromArray(s *connect.Schema, n []any) (any, error) {
	switch s.Type {
	case connect.Array:
		out := make([]any, len(n))
		for i, e := range n {
			v, err := c.fromNode(s.Elem, e)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case connect.MapType: // pairs
		out := connect.NewMap()
		for _, e := range n {
			pair, _ := e.([]any)
			if len(pair) != 2 {
				return nil, connect.DataErrorf(nil, "Found invalid map entry, expected a pair")
			}
			k, err := c.fromNode(s.Key, pair[0])
			if err != nil {
				return nil, err
			}
			switch k.(type) {
			case []byte, []any, *connect.Map, *connect.Struct:
				return nil, connect.DataErrorf(nil, "Map keys of type "+s.Key.Type.String()+" are not supported")
			}
			v, err := c.fromNode(s.Elem, pair[1])
			if err != nil {
				return nil, err
			}
			out.Set(k, v)
		}
		return out, nil
	}
	return nil, connect.DataErrorf(nil, "Found an array where the schema has "+s.Type.String())
}

func (c *jsonConverter) fromObject(s *connect.Schema, n *connect.Map) (any, error) {
	switch {
	case s.Type == connect.StructType:
		out := connect.NewStruct(s)
		for i, f := range s.Fields {
			node, _ := n.Get(f.Name)
			v, err := c.fromNode(f.Schema, node)
			if err != nil {
				return nil, err
			}
			out.Values[i] = v
		}
		return out, nil
	case s.Type == connect.MapType && s.Key.Type == connect.String:
		out := connect.NewMap()
		for k, node := range n.All {
			v, err := c.fromNode(s.Elem, node)
			if err != nil {
				return nil, err
			}
			out.Set(k, v)
		}
		return out, nil
	}
	return nil, connect.DataErrorf(nil, "Found an object where the schema has "+s.Type.String())
}

// schemaless turns numbers into int64 and float64.
func schemaless(node any) any {
	switch n := node.(type) {
	case number:
		if n.integral() {
			if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
				return i
			}
			whole, _ := new(big.Int).SetString(string(n), 10)
			if whole == nil {
				return int64(0)
			}
			return int64(new(big.Int).And(whole, mask64).Uint64())
		}
		f, _ := strconv.ParseFloat(string(n), 64)
		return f
	case []any:
		for i := range n {
			n[i] = schemaless(n[i])
		}
	case *connect.Map:
		for k, v := range n.Clone().All {
			n.Set(k, schemaless(v))
		}
	}
	return node
}

// maxDigits bounds the decimals that are read from JSON.
const maxDigits = 1000

var mask64 = new(big.Int).SetUint64(math.MaxUint64)

func (c *jsonConverter) logical(s *connect.Schema, node any) (any, error) {
	bad := func() error { return connect.DataErrorf(nil, "Invalid type for "+s.Name+": "+fmt.Sprint(node)) }
	if s.Name == connect.DecimalName {
		scale, err := strconv.ParseInt(s.Params["scale"], 10, 32)
		if err != nil || scale < -100000 || scale > 100000 {
			return nil, connect.DataErrorf(nil, "Invalid Decimal schema: scale parameter not found.")
		}
		switch n := node.(type) {
		case string:
			b, err := base64.StdEncoding.DecodeString(n)
			if err != nil {
				return nil, connect.DataErrorf(err, "Invalid bytes for Decimal field")
			}
			return &connect.Decimal{Unscaled: fromTwosComplement(b), Scale: int32(scale)}, nil
		case number:
			// The number keeps the scale that it is written with, as in Java. An exponent must not ask for more memory than that.
			d, ok := connect.ParseDecimal(string(n))
			if !ok || len(n) > maxDigits || d.Scale > maxDigits || d.Scale < -maxDigits {
				return nil, bad()
			}
			return d, nil
		}
		return nil, bad()
	}
	n, ok := node.(number)
	if !ok || !n.integral() {
		return nil, bad()
	}
	ms, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		return nil, bad()
	}
	if s.Name == connect.DateName {
		ms *= 24 * 60 * 60 * 1000
	}
	return time.UnixMilli(ms).UTC(), nil
}
