package converters

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kgo-project/kgo/connect"
)

// appendString writes a JSON string as Jackson does: what is escaped are quotes, backslashes, control characters, and, as two surrogates,
// characters beyond U+FFFF.
func appendString(b []byte, s string) []byte {
	const fourBytes = 0xf0 // begins a character beyond U+FFFF
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < fourBytes {
			continue
		}
		if c >= fourBytes {
			if r, n := utf8.DecodeRuneInString(s[i:]); n == 4 {
				high, low := utf16.EncodeRune(r)
				b = append(b, s[from:i]...)
				b = appendEscape(appendEscape(b, high), low)
				from = i + n
			}
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\f':
			b = append(b, '\\', 'f')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = appendEscape(b, rune(c))
		}
	}
	return append(append(b, s[from:]...), '"')
}

func appendEscape(b []byte, unit rune) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// appendSchema writes a schema as JsonConverter does; field is its name within a struct.
func (c *jsonConverter) appendSchema(b []byte, s *connect.Schema, field string) ([]byte, error) {
	if s == nil {
		return append(b, "null"...), nil
	}
	b = append(append(append(b, `{"type":"`...), s.Type.String()...), '"')
	var err error
	nested := func(name string, sub *connect.Schema) {
		if err == nil {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b, err = c.appendSchema(b, sub, "")
		}
	}
	switch s.Type {
	case connect.Array:
		nested("items", s.Elem)
	case connect.MapType:
		nested("keys", s.Key)
		nested("values", s.Elem)
	case connect.StructType:
		b = append(b, `,"fields":[`...)
		for i, f := range s.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			if err == nil {
				b, err = c.appendSchema(b, f.Schema, f.Name)
			}
		}
		b = append(b, ']')
	}
	if err != nil {
		return b, err
	}
	b = strconv.AppendBool(append(b, `,"optional":`...), s.Optional)
	if s.Name != "" {
		b = appendString(append(b, `,"name":`...), s.Name)
	}
	if s.Version != nil {
		b = strconv.AppendInt(append(b, `,"version":`...), int64(*s.Version), 10)
	}
	if s.Doc != "" {
		b = appendString(append(b, `,"doc":`...), s.Doc)
	}
	if len(s.Params) > 0 {
		b = append(b, `,"parameters":{`...)
		for i, k := range slices.Sorted(maps.Keys(s.Params)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(append(appendString(b, k), ':'), s.Params[k])
		}
		b = append(b, '}')
	}
	if s.Default != nil {
		if b, err = c.appendValue(append(b, `,"default":`...), s, s.Default); err != nil {
			return b, err
		}
	}
	if field != "" {
		b = appendString(append(b, `,"field":`...), field)
	}
	return append(b, '}'), nil
}

// appendValue writes a value; without a schema by its Go type.
func (c *jsonConverter) appendValue(b []byte, s *connect.Schema, v any) ([]byte, error) {
	if v == nil {
		if s == nil {
			return append(b, "null"...), nil
		}
		if s.Default != nil && c.replaceNull {
			return c.appendValue(b, s, s.Default)
		}
		if s.Optional {
			return append(b, "null"...), nil
		}
		return b, connect.DataErrorf(nil, "Conversion error: null value for field that is required and has no default value")
	}
	if s != nil && !fits(s, v) {
		return b, connect.DataErrorf(nil, fmt.Sprintf("Invalid type for %s: %T", s.Type, v))
	}
	switch v := v.(type) {
	case string:
		return appendString(b, v), nil
	case []byte:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v)
		return append(b, '"'), nil
	case bool, int8, int16, int32, int64:
		return connect.AppendText(b, v), nil
	case float32, float64:
		start := len(b)
		if b = connect.AppendText(b, v); b[len(b)-1] > '9' { // NaN and the infinities are strings
			text := string(b[start:])
			b = appendString(b[:start], text)
		}
		return b, nil
	case number:
		return append(b, v...), nil
	case *connect.Decimal:
		if c.numericDecimals {
			return append(b, v.String()...), nil
		}
		return appendString(b, base64.StdEncoding.EncodeToString(twosComplement(v.Unscaled))), nil
	case time.Time:
		return c.appendTime(b, s, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = c.appendValue(b, elem(s), e); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case *connect.Map:
		return c.appendMap(b, s, v)
	case *connect.Struct:
		b = append(b, '{')
		for i, f := range v.Schema.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = c.appendValue(append(appendString(b, f.Name), ':'), f.Schema, v.Values[i]); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	return b, connect.DataErrorf(nil, fmt.Sprintf("Java class %T does not have corresponding schema type.", v))
}

func elem(s *connect.Schema) *connect.Schema {
	if s == nil {
		return nil
	}
	return s.Elem
}

// appendMap writes an object if every key is a string, else pairs.
func (c *jsonConverter) appendMap(b []byte, s *connect.Schema, m *connect.Map) ([]byte, error) {
	object := s == nil || s.Key.Type == connect.String
	if s == nil {
		for k := range m.All {
			if _, ok := k.(string); !ok {
				object = false
			}
		}
	}
	opening, closing := byte('['), byte(']')
	if object {
		opening, closing = '{', '}'
	}
	b = append(b, opening)
	first := true
	for k, v := range m.All {
		if !first {
			b = append(b, ',')
		}
		first = false
		var err error
		if object {
			b = append(appendString(b, k.(string)), ':')
			if b, err = c.appendValue(b, elem(s), v); err != nil {
				return b, err
			}
			continue
		}
		var keySchema *connect.Schema
		if s != nil {
			keySchema = s.Key
		}
		if b, err = c.appendValue(append(b, '['), keySchema, k); err != nil {
			return b, err
		}
		if b, err = c.appendValue(append(b, ','), elem(s), v); err != nil {
			return b, err
		}
		b = append(b, ']')
	}
	return append(b, closing), nil
}

func (c *jsonConverter) appendTime(b []byte, s *connect.Schema, t time.Time) ([]byte, error) {
	ms := t.UnixMilli()
	if s != nil && s.Name == connect.DateName {
		ms /= 24 * 60 * 60 * 1000
	}
	return strconv.AppendInt(b, ms, 10), nil
}

// fits checks the Go type of a value against its schema.
func fits(s *connect.Schema, v any) bool {
	var ok bool
	switch s.Name {
	case connect.DecimalName:
		_, ok = v.(*connect.Decimal)
		return ok
	case connect.DateName, connect.TimeName, connect.TimestampName:
		_, ok = v.(time.Time)
		return ok
	}
	switch s.Type {
	case connect.Int8:
		_, ok = v.(int8)
	case connect.Int16:
		_, ok = v.(int16)
	case connect.Int32:
		_, ok = v.(int32)
	case connect.Int64:
		_, ok = v.(int64)
	case connect.Float32:
		_, ok = v.(float32)
	case connect.Float64:
		_, ok = v.(float64)
	case connect.Boolean:
		_, ok = v.(bool)
	case connect.String:
		_, ok = v.(string)
	case connect.Bytes:
		_, ok = v.([]byte)
	case connect.Array:
		_, ok = v.([]any)
	case connect.MapType:
		_, ok = v.(*connect.Map)
	case connect.StructType:
		_, ok = v.(*connect.Struct)
	}
	return ok
}

// twosComplement is Java's BigInteger.toByteArray.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		b := n.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	return new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size)*8)).FillBytes(make([]byte, size))
}

func fromTwosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return n
}
