package connect

import (
	"strings"
	"time"
)

// common finds the schema that all elements of a list, or all values of a map, have in common.
type common struct {
	schema *Schema
	mixed  bool // there is none
	nulls  bool
	seen   bool
}

func (c *common) add(v Value) {
	if v.Schema == nil {
		c.nulls = true
		return
	}
	switch {
	case c.mixed:
	case !c.seen:
		c.schema = v.Schema
	case c.schema.Type == v.Schema.Type:
		if c.schema.Name == "" || v.Schema.Name != "" {
			c.schema = v.Schema
		}
	case numberRank(c.schema) > 0 && numberRank(v.Schema) > 0:
		if numberRank(v.Schema) > numberRank(c.schema) {
			c.schema = v.Schema
		}
	default:
		c.schema, c.mixed = nil, true
	}
	c.seen = true
}

func numberRank(s *Schema) int {
	if s.Type <= Float64 {
		return int(s.Type) + 1
	}
	return 0
}

// align converts a value to the common schema; false means that it cannot be.
func (c *common) align(v any) (any, bool) {
	if c.schema == nil {
		return v, true
	}
	if v == nil {
		return nil, false
	}
	if c.schema.Name != "" && c.schema.Type != Bytes {
		if n, ok := asInt(v); ok {
			if c.schema.Name == DateName {
				n *= millisPerDay
			}
			return time.UnixMilli(n).UTC(), true
		}
		return v, true
	}
	switch c.schema.Type {
	case Int8, Int16, Int32, Int64, Float32, Float64:
		return convertNumber(c.schema.Type, v), true
	default:
		return v, true
	}
}

func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}

// convertNumber widens a number.
func convertNumber(t Type, v any) any {
	n, whole := asInt(v)
	f := float64(n)
	if !whole {
		switch v := v.(type) {
		case float32:
			f = float64(v)
		case float64:
			f = v
		}
	}
	switch t {
	case Int8:
		return int8(n)
	case Int16:
		return int16(n)
	case Int32:
		return int32(n)
	case Int64:
		return n
	case Float32:
		return float32(f)
	default:
		return f
	}
}

func (p *valueParser) array() (Value, bool) {
	list := []any{}
	var c common
	for p.more() {
		if p.take("]") {
			s := &Schema{Type: Array, Elem: c.schema}
			for i := range list {
				v, ok := c.align(list[i])
				if !ok {
					return Value{}, true
				}
				list[i] = v
			}
			return Value{s, list}, false
		}
		if p.take(",") {
			return Value{}, true
		}
		v, bad := p.parse(true)
		if bad {
			return v, true
		}
		c.add(v)
		list = append(list, v.Data)
		at := p.pos
		if p.take("]") {
			p.pos = at
		} else if !p.take(",") {
			return Value{}, true
		}
	}
	return Value{}, true
}

func (p *valueParser) mapping() (Value, bool) {
	keys, values := []any{}, []any{}
	var kc, vc common
	for p.more() {
		if p.take("}") {
			return alignedMap(keys, values, &kc, &vc)
		}
		if p.take(",") {
			return Value{}, true
		}
		k, bad := p.parse(true)
		if bad || k.Data == nil || !p.take(":") {
			return Value{}, true
		}
		v, bad := p.parse(true)
		if bad {
			return v, true
		}
		keys, values = append(keys, k.Data), append(values, v.Data)
		p.take(",")
		kc.add(k)
		vc.add(v)
	}
	return Value{}, true
}

func alignedMap(keys, values []any, kc, vc *common) (Value, bool) {
	if kc.schema == nil {
		*vc = common{} // without a type of keys there is none of values
	}
	m := NewLinkedMap()
	for i := range keys {
		k, ok1 := kc.align(keys[i])
		v, ok2 := vc.align(values[i])
		if !ok1 || !ok2 {
			return Value{}, true
		}
		switch k.(type) {
		case []any, *Map, *Decimal: // not a key in Go; its text stands for it
			k = strings.Clone(Text(k))
		}
		m.Set(k, v)
	}
	return Value{&Schema{Type: MapType, Key: kc.schema, Elem: vc.schema}, m}, false
}
