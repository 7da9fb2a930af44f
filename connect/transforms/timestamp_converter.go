package transforms

import (
	"math"
	"time"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/javatime"
)

func timestampConverterPlugins() []*Plugin {
	return sided("TimestampConverter", []connect.ConfigKey{
		defaulted("field", "STRING", "", "HIGH", "The field with the time; none if the data as a whole is one.", nil),
		required("target.type", "STRING", "HIGH", "What to make of it: string, unix, Date, Time or Timestamp.", connect.ExactlyOneOf("string", "unix", "Date", "Time", "Timestamp")),
		defaulted("format", "STRING", "", "MEDIUM", "The pattern of strings, as of Java's SimpleDateFormat, read and written.", nil),
		defaulted("unix.precision", "STRING", "milliseconds", "LOW", "The unit of numbers, read and written.", connect.ExactlyOneOf("nanoseconds", "microseconds", "milliseconds", "seconds")),
		replaceNullKey(),
	}, newTimestampConverter)
}

// timestampConverter changes how a time is expressed.
type timestampConverter struct {
	side        side
	field       string
	target      string
	format      *javatime.Format
	precision   string
	replaceNull bool
	cache       schemaCache
}

func newTimestampConverter(on side, s settings) (connect.Transform, error) {
	t := &timestampConverter{side: on, field: s.Config["field"], target: s.Config["target.type"], precision: s.Config["unix.precision"], replaceNull: s.replaceNull()}
	pattern := s.Config["format"]
	if pattern == "" {
		if t.target == "string" {
			return nil, configError("TimestampConverter requires format option to be specified when using string timestamps")
		}
		return t, nil
	}
	var err error
	if t.format, err = compileFormat(pattern); err != nil {
		return nil, configErrorf("Invalid value java.lang.IllegalArgumentException: %s for configuration TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: %s", err.Error(), pattern)
	}
	return t, nil
}

func (t *timestampConverter) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		return t.schemaless(r, v.Data)
	}
	if t.field == "" {
		kind, err := timeKind(v.Schema)
		if err != nil {
			return nil, err
		}
		out, err := t.convert(v.Data, kind)
		return t.side.with(r, t.schema(v.Schema.Optional), out), err
	}
	s, err := requireStructOrNull(v.Data, convertingTimes)
	if err != nil {
		return nil, err
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		fields, err := fieldsOf(v.Schema)
		out := basics(v.Schema, connect.StructType)
		out.Optional = v.Schema.Optional
		for _, f := range fields {
			if f.Name == t.field {
				f.Schema = t.schema(f.Schema.Optional)
			}
			out.Fields = append(out.Fields, f)
		}
		return out, err
	})
	if err != nil || s == nil {
		return t.side.with(r, schema, nil), err
	}
	out := connect.NewStruct(schema)
	for i, f := range s.Schema.Fields {
		out.Values[i] = get(s, i, t.replaceNull)
		if f.Name != t.field {
			continue
		}
		kind, err := timeKind(f.Schema)
		if err != nil {
			return nil, err
		}
		if out.Values[i], err = t.convert(out.Values[i], kind); err != nil {
			return nil, err
		}
	}
	return t.side.with(r, schema, out), nil
}

const convertingTimes = "converting timestamp formats"

func (t *timestampConverter) schemaless(r *connect.Record, data any) (*connect.Record, error) {
	if t.field == "" {
		out, err := t.convert(data, "")
		return t.side.with(r, nil, out), err
	}
	m, err := requireMapOrNull(data, convertingTimes)
	if err != nil || m == nil {
		return t.side.with(r, nil, nil), err
	}
	out := m.Copied()
	v, _ := m.Get(t.field)
	if v, err = t.convert(v, ""); err != nil {
		return nil, err
	}
	out.Set(t.field, v)
	return t.side.with(r, nil, out), nil
}

func (t *timestampConverter) schema(optional bool) *connect.Schema {
	switch t.target {
	case "string":
		return &connect.Schema{Type: connect.String, Optional: optional}
	case "unix":
		return &connect.Schema{Type: connect.Int64, Optional: optional}
	}
	return connect.Logical("org.apache.kafka.connect.data."+t.target, optional)
}

// timeKind tells how a schema's values express a time.
func timeKind(s *connect.Schema) (string, error) {
	switch {
	case s.Name == connect.TimestampName || s.Name == connect.DateName || s.Name == connect.TimeName:
		return "Timestamp", nil
	case s.Type == connect.String:
		return "string", nil
	case s.Type == connect.Int64:
		return "unix", nil
	}
	return "", &connect.DataError{Class: "org.apache.kafka.connect.errors.ConnectException", Text: "Schema " + s.String() + " does not correspond to a known timestamp type format"}
}

func (t *timestampConverter) convert(v any, kind string) (any, error) {
	if v == nil {
		return nil, nil
	}
	if kind == "" {
		switch v.(type) {
		case time.Time:
			kind = "Timestamp"
		case int64:
			kind = "unix"
		case string:
			kind = "string"
		default:
			return nil, dataErrorf("TimestampConverter does not support class %s objects as timestamps", className(v))
		}
	}
	when, err := t.read(v, kind)
	if err != nil {
		return nil, err
	}
	switch t.target {
	case "string":
		return t.format.Format(when), nil
	case "unix":
		return toUnix(when.UnixMilli(), t.precision), nil
	case "Date":
		return when.Truncate(24 * time.Hour), nil
	case "Time":
		y, m, d := when.Date()
		return time.UnixMilli(0).UTC().Add(when.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))), nil
	}
	return when, nil
}

func (t *timestampConverter) read(v any, kind string) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case int64:
		if kind == "unix" {
			return time.UnixMilli(fromUnix(v, t.precision)).UTC(), nil
		}
	case string:
		if kind != "string" {
			break
		}
		if t.format == nil {
			return time.Time{}, &connect.DataError{Class: "java.lang.NullPointerException", Text: `Cannot invoke "java.text.SimpleDateFormat.parse(String)" because "config.format" is null`}
		}
		when, err := t.format.Parse(v)
		if err != nil {
			return when, dataErrorf("Could not parse timestamp: value (%s) does not match pattern (%s)", v, t.format.Pattern())
		}
		return when, nil
	}
	if kind == "unix" {
		return time.Time{}, dataErrorf("Expected Unix timestamp to be a Long, but found class %s", className(v))
	}
	return time.Time{}, dataErrorf("Expected %s timestamp, but found class %s", kind, className(v))
}

// toUnix and fromUnix saturate, as Java's TimeUnit does.

func toUnix(ms int64, precision string) int64 {
	switch precision {
	case "seconds":
		return ms / 1000
	case "microseconds":
		return scaled(ms, 1000)
	case "nanoseconds":
		return scaled(ms, 1000000)
	}
	return ms
}

func fromUnix(n int64, precision string) int64 {
	switch precision {
	case "seconds":
		return scaled(n, 1000)
	case "microseconds":
		return n / 1000
	case "nanoseconds":
		return n / 1000000
	}
	return n
}

func scaled(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}
