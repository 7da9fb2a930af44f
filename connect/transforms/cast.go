package transforms

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
)

func castPlugins() []*Plugin {
	return sided("Cast", []connect.ConfigKey{
		required("spec", "LIST", "HIGH", "What to cast: field:type for each field, or one type for the data as a whole. Types are int8, int16, int32, int64, float32, float64, boolean and string.", validCasts),
		replaceNullKey(),
	}, func(on side, s settings) (connect.Transform, error) {
		t := &cast{side: on, fields: map[string]connect.Type{}, replaceNull: s.replaceNull()}
		return t, t.parse(s.List("spec"))
	})
}

func validCasts(v string) error {
	for _, one := range connect.SplitList(v) {
		if strings.Count(one, ":") > 1 {
			return castMapping(one)
		}
	}
	return nil
}

// castMapping is a check that fails under another setting's name, as Java's does.
func castMapping(one string) error {
	return connect.WholeError("Invalid value [" + one + "] for configuration renames: Invalid rename mapping: " + one)
}

const (
	castOutputs = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"
	castInputs  = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]"
)

// cast changes the types of data or of its fields.
type cast struct {
	side        side
	fields      map[string]connect.Type
	order       []string // of fields
	whole       *connect.Type
	replaceNull bool
	cache       schemaCache
}

func (t *cast) parse(spec []string) error {
	if len(spec) == 0 {
		return configError("Must specify at least one field to cast.")
	}
	for _, one := range spec {
		name, text, isField := strings.Cut(one, ":")
		if isField && text == "" {
			isField, text = false, name // Java drops the empty half
		}
		if !isField {
			text = name
		}
		text = strings.TrimSpace(text)
		to, err := castType(text)
		if err != nil {
			return err
		}
		if isField {
			if _, again := t.fields[strings.TrimSpace(name)]; !again {
				t.order = append(t.order, strings.TrimSpace(name))
			}
			t.fields[strings.TrimSpace(name)] = to
			continue
		}
		if len(spec) > 1 {
			return configError("Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
		}
		t.whole = &to
	}
	return nil
}

func castType(text string) (connect.Type, error) {
	for to := connect.Int8; to <= connect.StructType; to++ {
		if to.Java() != strings.ToUpper(text) {
			continue
		}
		if to > connect.String {
			return 0, configErrorf("Cast transformation does not support casting to %s; supported types are %s", to.Java(), castOutputs)
		}
		return to, nil
	}
	return 0, configErrorf("Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.%s for configuration Invalid type found in casting spec: %s", strings.ToUpper(text), text)
}

func (t *cast) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Data == nil {
		return r, nil
	}
	if v.Schema == nil {
		return t.schemaless(r, v.Data)
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) { return t.schema(v.Schema) })
	if err != nil {
		return nil, err
	}
	if t.whole != nil {
		out, err := castValue(v.Schema, v.Data, *t.whole)
		return t.side.with(r, schema, out), err
	}
	s, err := requireStruct(v.Data, "cast types")
	if err != nil {
		return nil, err
	}
	out := connect.NewStruct(schema)
	for i, f := range s.Schema.Fields {
		out.Values[i] = get(s, i, t.replaceNull)
		if to, ok := t.fields[f.Name]; ok {
			if out.Values[i], err = castValue(f.Schema, out.Values[i], to); err != nil {
				return nil, err
			}
		}
	}
	return t.side.with(r, schema, out), nil
}

func (t *cast) schemaless(r *connect.Record, data any) (*connect.Record, error) {
	if t.whole != nil {
		out, err := castValue(nil, data, *t.whole)
		return t.side.with(r, nil, out), err
	}
	m, err := requireMap(data, "cast types")
	if err != nil {
		return nil, err
	}
	out := m.Copied()
	for _, name := range t.order {
		v, _ := m.Get(name)
		if v, err = castValue(nil, v, t.fields[name]); err != nil {
			return nil, err
		}
		out.Set(name, v)
	}
	return t.side.with(r, nil, out), nil
}

func (t *cast) schema(from *connect.Schema) (*connect.Schema, error) {
	var out *connect.Schema
	if t.whole != nil {
		out = basics(from, *t.whole)
	} else {
		fields, err := fieldsOf(from)
		if err != nil {
			return nil, err
		}
		out = basics(from, connect.StructType)
		for _, f := range fields {
			to, ok := t.fields[f.Name]
			if !ok {
				out.Fields = append(out.Fields, f)
				continue
			}
			fs := &connect.Schema{Type: to, Optional: f.Schema.Optional}
			if f.Schema.Default != nil {
				if fs.Default, err = castValue(f.Schema, f.Schema.Default, to); err != nil {
					return nil, err
				}
			}
			out.Fields = append(out.Fields, connect.Field{Name: f.Name, Schema: fs})
		}
	}
	out.Optional = from.Optional
	if from.Default != nil && t.whole != nil {
		var err error
		if out.Default, err = castValue(from, from.Default, *t.whole); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// typeOf is the type that a value has by itself; ok is false where it has none.
func typeOf(v any) (connect.Type, bool) {
	switch v.(type) {
	case int8:
		return connect.Int8, true
	case int16:
		return connect.Int16, true
	case int32:
		return connect.Int32, true
	case int64:
		return connect.Int64, true
	case float32:
		return connect.Float32, true
	case float64:
		return connect.Float64, true
	case bool:
		return connect.Boolean, true
	case string:
		return connect.String, true
	case []byte:
		return connect.Bytes, true
	case []any:
		return connect.Array, true
	case *connect.Map:
		return connect.MapType, true
	case *connect.Struct:
		return connect.StructType, true
	}
	return 0, false
}

func castValue(schema *connect.Schema, v any, to connect.Type) (any, error) {
	if v == nil {
		return nil, nil
	}
	from, ok := typeOf(v)
	if schema != nil {
		from, ok = schema.Type, true
	}
	if !ok {
		return nil, dataErrorf("Cast transformation was passed a value of type class %s which is not supported by Connect's data API", className(v))
	}
	if from > connect.Bytes {
		return nil, dataErrorf("Cast transformation does not support casting from %s; supported types are %s", from.Java(), castInputs)
	}
	if when, ok := v.(time.Time); ok && to != connect.String {
		v = when.UnixMilli()
		if schema != nil && schema.Name == connect.DateName {
			v = when.UnixMilli() / (24 * 60 * 60 * 1000)
		}
	}
	if to == connect.String {
		return castText(v), nil
	}
	if s, ok := v.(string); ok {
		return castString(s, to)
	}
	return castNumber(v, to)
}

func castText(v any) string {
	switch v := v.(type) {
	case time.Time:
		return connect.FormatTime(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return connect.Text(v)
}

func castString(s string, to connect.Type) (any, error) {
	bits := map[connect.Type]int{connect.Int8: 8, connect.Int16: 16, connect.Int32: 32, connect.Int64: 64, connect.Float32: 32, connect.Float64: 64}[to]
	switch to {
	case connect.Boolean:
		return strings.EqualFold(s, "true"), nil
	case connect.Float32, connect.Float64:
		if f, ok := javaFloat(s, bits); ok {
			if to == connect.Float32 {
				return float32(f), nil
			}
			return f, nil
		}
	default:
		if n, err := strconv.ParseInt(s, 10, bits); err == nil {
			return intOf(n, to), nil
		}
	}
	return nil, &connect.DataError{Class: "org.apache.kafka.connect.errors.DataException", Text: "Value (" + s + ") was out of range for requested data type"}
}

// javaFloat is Double.parseDouble: white space around it and a suffix f or d are allowed.
func javaFloat(s string, bits int) (float64, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	switch strings.TrimLeft(s, "+-") {
	case "NaN", "Infinity":
		f, err := strconv.ParseFloat(s, bits)
		if err != nil { // a signed NaN
			f = math.NaN()
		}
		return f, true
	}
	if n := len(s); n > 0 && strings.IndexByte("fFdD", s[n-1]) >= 0 && !strings.Contains(strings.ToLower(s), "0x") {
		s = s[:n-1]
	}
	if strings.ContainsAny(s, "_nN") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// intOf narrows as Java's casts do.
func intOf(n int64, to connect.Type) any {
	switch to {
	case connect.Int8:
		return int8(n)
	case connect.Int16:
		return int16(n)
	case connect.Int32:
		return int32(n)
	default:
		return n
	}
}

func castNumber(v any, to connect.Type) (any, error) {
	switch v := v.(type) {
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		return fromInt(n, to), nil
	case int8:
		return fromInt(int64(v), to), nil
	case int16:
		return fromInt(int64(v), to), nil
	case int32:
		return fromInt(int64(v), to), nil
	case int64:
		return fromInt(v, to), nil
	case float32:
		return fromFloat(float64(v), to), nil
	case float64:
		return fromFloat(v, to), nil
	case *connect.Decimal:
		return fromDecimal(v, to), nil
	}
	return nil, dataErrorf("Unexpected type in Cast transformation: class %s", className(v))
}

func fromInt(n int64, to connect.Type) any {
	switch to {
	case connect.Float32:
		return float32(n)
	case connect.Float64:
		return float64(n)
	case connect.Boolean:
		return n != 0
	default:
		return intOf(n, to)
	}
}

// fromFloat narrows as Java does: to an int or a long with saturation, and from the int to what is smaller.
func fromFloat(f float64, to connect.Type) any {
	switch to {
	case connect.Float32:
		return float32(f)
	case connect.Float64:
		return f
	case connect.Boolean:
		return saturate(f, math.MinInt64, math.MaxInt64) != 0
	case connect.Int64:
		return saturate(f, math.MinInt64, math.MaxInt64)
	default:
		return intOf(saturate(f, math.MinInt32, math.MaxInt32), to)
	}
}

func saturate(f float64, least, most int64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f <= float64(least):
		return least
	case f >= float64(most):
		return most
	}
	return int64(f)
}

var low64 = new(big.Int).SetUint64(math.MaxUint64)

func fromDecimal(d *connect.Decimal, to connect.Type) any {
	switch to {
	case connect.Float32:
		f, _ := strconv.ParseFloat(d.String(), 32)
		return float32(f)
	case connect.Float64:
		f, _ := strconv.ParseFloat(d.String(), 64)
		return f
	default:
		n := int64(new(big.Int).And(d.Truncated(), low64).Uint64())
		return fromInt(n, to)
	}
}
