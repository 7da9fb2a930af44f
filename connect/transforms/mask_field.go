package transforms

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
)

func maskFieldPlugins() []*Plugin {
	return sided("MaskField", []connect.ConfigKey{
		required("fields", "LIST", "HIGH", "The fields to mask.", filledList("fields")),
		optional("replacement", "STRING", "LOW", "What numbers and strings are replaced by; without it by zero and the empty string.", connect.NonEmpty),
		replaceNullKey(),
	}, func(on side, s settings) (connect.Transform, error) {
		t := &maskField{side: on, fields: s.List("fields"), replaceNull: s.replaceNull()}
		if v, ok := s.Config["replacement"]; ok {
			t.replacement = &v
		}
		return t, nil
	})
}

// maskField replaces the values of fields by nothing in particular.
type maskField struct {
	side        side
	fields      []string
	replacement *string
	replaceNull bool
}

func (t *maskField) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		m, err := requireMap(v.Data, "mask fields")
		if err != nil {
			return nil, err
		}
		out := m.Copied()
		for _, name := range t.fields {
			old, _ := m.Get(name)
			masked, err := t.masked(old)
			if err != nil {
				return nil, err
			}
			out.Set(name, masked)
		}
		return t.side.with(r, nil, out), nil
	}
	s, err := requireStruct(v.Data, "mask fields")
	if err != nil {
		return nil, err
	}
	out := connect.NewStruct(s.Schema)
	for i, f := range s.Schema.Fields {
		out.Values[i] = get(s, i, t.replaceNull)
		if slices.Contains(t.fields, f.Name) {
			if out.Values[i], err = t.masked(out.Values[i]); err != nil {
				return nil, err
			}
		}
	}
	return t.side.with(r, s.Schema, out), nil
}

func (t *maskField) masked(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if t.replacement != nil {
		return customMask(v, *t.replacement)
	}
	switch v := v.(type) {
	case bool:
		return false, nil
	case int8:
		return int8(0), nil
	case int16:
		return int16(0), nil
	case int32:
		return int32(0), nil
	case int64:
		return int64(0), nil
	case float32:
		return float32(0), nil
	case float64:
		return float64(0), nil
	case string:
		return "", nil
	case *connect.Decimal:
		return &connect.Decimal{Unscaled: new(big.Int)}, nil
	case time.Time:
		return time.UnixMilli(0).UTC(), nil
	case []any:
		return []any{}, nil
	case *connect.Map:
		return connect.NewMap(), nil
	default:
		return nil, dataErrorf("Cannot mask value of type: class %s", className(v))
	}
}

// customMask makes a replacement of the type of v; numbers are narrowed as Java narrows them.
func customMask(v any, text string) (any, error) {
	to, isNumber := typeOf(v)
	_, isDecimal := v.(*connect.Decimal)
	switch {
	case isNumber && to == connect.String:
		return text, nil
	case isDecimal, isNumber && to < connect.Boolean:
	default:
		return nil, dataErrorf("Cannot mask value of type class %s with custom replacement.", className(v))
	}
	d, ok := connect.ParseDecimal(strings.TrimSpace(text))
	switch {
	case !ok && isDecimal:
		return nil, dataErrorf("Unable to convert %s (class java.lang.String) to number", text)
	case !ok || d.Scale > maxScale || d.Scale < -maxScale:
		return nil, dataErrorf("Unable to convert %s (class java.lang.String) to a number", text)
	case isDecimal:
		return d, nil
	}
	return fromDecimal(d, to), nil
}

// maxScale bounds the size of the numbers that a short text can ask for.
const maxScale = 10000
