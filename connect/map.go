package connect

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Map is a map value. It keeps the order of insertion and is walked in the order of Java's HashMap, so that what is written
// from it has the bytes that Apache's worker writes.
type Map struct {
	keys   []any
	values []any
	index  map[any]int

	capacity uint32 // of the HashMap's table; 0: not decided, as of a new HashMap()
	linked   bool   // walked in the order of insertion
}

// NewMap returns an empty map, as new HashMap() does.
func NewMap() *Map { return &Map{} }

// NewMapSized returns an empty map, as new HashMap(size) does.
func NewMapSized(size int) *Map { return &Map{capacity: tableSize(size)} }

// NewLinkedMap returns an empty map that is walked in the order of insertion, as a LinkedHashMap.
func NewLinkedMap() *Map { return &Map{linked: true} }

// Copied returns a copy made as new HashMap(m) does.
func (m *Map) Copied() *Map {
	c := &Map{}
	if n := len(m.keys); n > 0 {
		c.capacity = tableSize(int(float32(n)/0.75 + 1))
	}
	for k, v := range m.All {
		c.Set(k, v)
	}
	return c
}

// tableSize is HashMap.tableSizeFor.
func tableSize(n int) uint32 {
	capacity := uint32(1)
	for capacity < uint32(max(n, 0)) && capacity < 1<<30 {
		capacity *= 2
	}
	return capacity
}

// Len returns the number of entries.
func (m *Map) Len() int { return len(m.keys) }

// Set adds or replaces an entry. Keys are comparable.
func (m *Map) Set(key, value any) {
	if i := m.find(key); i >= 0 {
		m.values[i] = value
		return
	}
	m.keys, m.values = append(m.keys, key), append(m.values, value)
	if m.capacity == 0 {
		m.capacity = 16
	}
	for float32(len(m.keys)) > float32(m.capacity)*0.75 {
		m.capacity *= 2
	}
	if m.index != nil {
		m.index[key] = len(m.keys) - 1
	} else if len(m.keys) > 8 {
		m.index = make(map[any]int, 2*len(m.keys))
		for i, k := range m.keys {
			m.index[k] = i
		}
	}
}

func (m *Map) find(key any) int {
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	return slices.Index(m.keys, key)
}

// Get returns an entry.
func (m *Map) Get(key any) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.values[i], true
	}
	return nil, false
}

// Delete removes an entry.
func (m *Map) Delete(key any) {
	if i := m.find(key); i >= 0 {
		m.keys, m.values, m.index = slices.Delete(m.keys, i, i+1), slices.Delete(m.values, i, i+1), nil
	}
}

// Clone returns a copy with the same values.
func (m *Map) Clone() *Map {
	return &Map{keys: slices.Clone(m.keys), values: slices.Clone(m.values), capacity: m.capacity, linked: m.linked}
}

// All walks the entries in the order of the Java map that this one stands for.
func (m *Map) All(yield func(key, value any) bool) {
	if m.linked {
		for i, k := range m.keys {
			if !yield(k, m.values[i]) {
				return
			}
		}
		return
	}
	order := make([]int, len(m.keys))
	bucket := make([]uint32, len(m.keys))
	for i, k := range m.keys {
		h := uint32(hashCode(k))
		order[i], bucket[i] = i, (h^h>>16)&(m.capacity-1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(bucket[a]) - int(bucket[b]) })
	for _, i := range order {
		if !yield(m.keys[i], m.values[i]) {
			return
		}
	}
}

// hashCode is Java's Object.hashCode for the types that are keys of maps.
func hashCode(v any) int32 {
	switch v := v.(type) {
	case string:
		var h int32
		for _, r := range v {
			if r >= 0x10000 {
				a, b := utf16.EncodeRune(r)
				h = (31*h+a)*31 + b
				continue
			}
			h = 31*h + r
		}
		return h
	case int8:
		return int32(v)
	case int16:
		return int32(v)
	case int32:
		return v
	case int64:
		return int32(v ^ int64(uint64(v)>>32))
	case bool:
		if v {
			return 1231
		}
		return 1237
	case float32:
		return int32(math.Float32bits(v))
	case float64:
		b := math.Float64bits(v)
		return int32(b ^ b>>32)
	}
	return 0
}

// Decimal is a number of arbitrary precision: Unscaled * 10^-Scale.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// String writes the number as Java's BigDecimal does.
func (d *Decimal) String() string {
	digits := new(big.Int).Abs(d.Unscaled).String()
	sign := ""
	if d.Unscaled.Sign() < 0 {
		sign = "-"
	}
	adjusted := len(digits) - 1 - int(d.Scale)
	switch {
	case d.Scale == 0:
		return sign + digits
	case d.Scale < 0 || adjusted < -6:
		out := sign + digits[:1]
		if len(digits) > 1 {
			out += "." + digits[1:]
		}
		if adjusted == 0 {
			return out
		}
		if adjusted > 0 {
			return out + "E+" + strconv.Itoa(adjusted)
		}
		return out + "E" + strconv.Itoa(adjusted)
	}
	if pad := int(d.Scale) - len(digits) + 1; pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	at := len(digits) - int(d.Scale)
	return sign + digits[:at] + "." + digits[at:]
}

// Text writes a value as Java's String.valueOf does: it is what FileStreamSink writes and what StringConverter sends.
func Text(v any) string { return string(AppendText(nil, v)) }

// AppendText appends Text(v).
func AppendText(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return append(b, v...)
	case []byte:
		// DEVIATION(kafka): Java prints the array's type and identity ("[B@1b2c6ec2"); the bytes themselves are of more use.
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	case int8:
		return strconv.AppendInt(b, int64(v), 10)
	case int16:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float32:
		return AppendFloat(b, float64(v), 32)
	case float64:
		return AppendFloat(b, v, 64)
	case *Decimal:
		return append(b, v.String()...)
	case time.Time:
		return v.Local().AppendFormat(b, "Mon Jan 02 15:04:05 MST 2006")
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = AppendText(b, e)
		}
		return append(b, ']')
	case *Map:
		b = append(b, '{')
		first := true
		for k, e := range v.All {
			if !first {
				b = append(b, ", "...)
			}
			first = false
			b = AppendText(append(AppendText(b, k), '='), e)
		}
		return append(b, '}')
	case *Struct:
		b = append(b, "Struct{"...)
		first := true
		for i, f := range v.Schema.Fields {
			if v.Values[i] == nil {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = AppendText(append(append(b, f.Name...), '='), v.Values[i])
		}
		return append(b, '}')
	}
	return b
}

// AppendFloat writes a number as Java's Double.toString and Float.toString do.
func AppendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		start := len(b)
		b = strconv.AppendFloat(b, f, 'f', -1, bits)
		if !slices.Contains(b[start:], '.') {
			b = append(b, ".0"...)
		}
		return b
	}
	s := strconv.FormatFloat(f, 'e', -1, bits) // d.ddde+XX
	mantissa, exponent, _ := strings.Cut(s, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return strconv.AppendInt(append(append(b, mantissa...), 'E'), int64(n), 10)
}
