package connect

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect/javatime"
)

// ParseValue finds the value that a text stands for, as Java's Values.parseString does: the smallest type of number that holds
// it, a boolean, a date or time in ISO 8601, a list, a map, null, and otherwise a string.
func ParseValue(text string) Value {
	if text == "" {
		return Value{StringSchema, ""}
	}
	p := valueParser{original: text, tokens: valueTokens(text)}
	v, err := p.parse(false)
	if err {
		return Value{StringSchema, text}
	}
	return v
}

// FormatTime writes a time of a logical type as Java's Values.convertToString does: a date, a time of day, or both.
func FormatTime(t time.Time) string {
	switch ms := t.UnixMilli(); {
	case ms >= 0 && ms < millisPerDay:
		return isoTime.Format(t)
	case ms%millisPerDay == 0:
		return isoDate.Format(t)
	}
	return isoTimestamp.Format(t)
}

const millisPerDay = 24 * 60 * 60 * 1000

var (
	isoDate      = javatime.Must("yyyy-MM-dd")
	isoTime      = javatime.Must("HH:mm:ss.SSS'Z'")
	isoTimestamp = javatime.Must("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
)

// valueTokens splits a text at brackets, braces, commas, colons and quotes that no backslash protects; they are tokens too.
func valueTokens(text string) []string {
	var out []string
	from := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case strings.IndexByte("[]{},:\"", c) >= 0:
			if i > from {
				out = append(out, text[from:i])
			}
			out = append(out, text[i:i+1])
			from = i + 1
		}
	}
	if from < len(text) {
		out = append(out, text[from:])
	}
	return out
}

// valueParser is recursive descent over tokens. Its methods' last result tells that the text is no such value.
type valueParser struct {
	original string
	tokens   []string
	pos      int
	depth    int
}

func (p *valueParser) more() bool { return p.pos < len(p.tokens) }

func (p *valueParser) take(token string) bool {
	if p.more() && strings.TrimFunc(p.tokens[p.pos], javaSpace) == token {
		p.pos++
		return true
	}
	// White space between delimiters is a token of its own.
	if p.pos+1 < len(p.tokens) && strings.TrimFunc(p.tokens[p.pos], javaSpace) == "" && p.tokens[p.pos+1] == token {
		p.pos += 2
		return true
	}
	return false
}

// javaSpace is what String.trim removes.
func javaSpace(r rune) bool { return r <= ' ' }

func (p *valueParser) parse(embedded bool) (Value, bool) {
	if !p.more() {
		return Value{}, false
	}
	if embedded && p.take(`"`) {
		return p.quoted(), false
	}
	switch {
	case p.take("null"):
		return Value{}, false
	case p.take("true"):
		return Value{booleanSchema, true}, false
	case p.take("false"):
		return Value{booleanSchema, false}, false
	}
	start := p.pos
	var v Value
	bad := true
	if p.depth++; p.depth < 500 { // Java's stack would end somewhere there
		switch {
		case p.take("["):
			v, bad = p.array()
		case p.take("{"):
			v, bad = p.mapping()
		}
	}
	p.depth--
	if !bad {
		return v, false
	}
	p.pos = start
	token := strings.TrimFunc(p.tokens[p.pos], javaSpace)
	p.pos++
	if token == "" {
		return Value{StringSchema, token}, false
	}
	digit := token[0] >= '0' && token[0] <= '9'
	if digit {
		if v, ok := p.temporal(token); ok {
			return v, false
		}
	}
	if digit || token[0] == '+' || token[0] == '-' {
		if v, ok := parseNumber(token); ok {
			return v, false
		}
	}
	return Value{StringSchema, p.original}, embedded
}

var booleanSchema = &Schema{Type: Boolean}

func (p *valueParser) quoted() Value {
	var b strings.Builder
	for p.more() {
		t := p.tokens[p.pos]
		p.pos++
		if t == `"` {
			break
		}
		b.WriteString(t)
	}
	if v, ok := parseTemporal(b.String()); ok {
		return v
	}
	return Value{StringSchema, b.String()}
}

// temporal tries a date or time; its colons may have made five tokens of it.
func (p *valueParser) temporal(token string) (Value, bool) {
	if p.pos+4 <= len(p.tokens) {
		if v, ok := parseTemporal(token + strings.Join(p.tokens[p.pos:p.pos+4], "")); ok {
			p.pos += 4
			return v, true
		}
	}
	return parseTemporal(token)
}

func parseTemporal(s string) (Value, bool) {
	var name string
	var f *javatime.Format
	switch len(s) {
	case len("2006-01-02"):
		name, f = DateName, isoDate
	case len("15:04:05.000Z"):
		name, f = TimeName, isoTime
	case len("2006-01-02T15:04:05.000Z"):
		name, f = TimestampName, isoTimestamp
	default:
		return Value{}, false
	}
	t, err := f.Parse(s)
	if err != nil {
		return Value{}, false
	}
	return Value{Logical(name, false), t}, true
}

// parseNumber takes the smallest integer type, else float, double or a decimal.
func parseNumber(token string) (Value, bool) {
	d, ok := ParseDecimal(token)
	if !ok || d.Scale > 10000 || d.Scale < -10000 {
		return Value{}, false
	}
	if n, whole := d.integer(); whole {
		if n.IsInt64() {
			return smallestInt(n.Int64()), true
		}
		if d.Scale == 0 {
			return Value{DecimalSchema(0, false), d}, true
		}
	}
	f, _ := strconv.ParseFloat(d.String(), 32)
	if !math.IsInf(f, 0) {
		return Value{&Schema{Type: Float32}, float32(f)}, true
	}
	if f, _ = strconv.ParseFloat(d.String(), 64); !math.IsInf(f, 0) {
		return Value{&Schema{Type: Float64}, f}, true
	}
	return Value{DecimalSchema(d.Scale, false), d}, true
}

func smallestInt(n int64) Value {
	switch {
	case n == int64(int8(n)):
		return Value{&Schema{Type: Int8}, int8(n)}
	case n == int64(int16(n)):
		return Value{&Schema{Type: Int16}, int16(n)}
	case n == int64(int32(n)):
		return Value{&Schema{Type: Int32}, int32(n)}
	}
	return Value{&Schema{Type: Int64}, n}
}

// ParseDecimal reads what Java's BigDecimal reads: digits with an optional sign, point and exponent.
func ParseDecimal(s string) (*Decimal, bool) {
	mantissa, exponent := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.ParseInt(strings.TrimPrefix(s[i+1:], "+"), 10, 32); err != nil || strings.HasPrefix(s[i+1:], "+-") {
			return nil, false
		}
		mantissa = s[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole, "+-")
	if len(whole)-len(digits) > 1 || digits+fraction == "" || strings.Trim(digits+fraction, "0123456789") != "" {
		return nil, false
	}
	n, ok := new(big.Int).SetString(digits+fraction, 10)
	if !ok {
		return nil, false
	}
	if whole != "" && whole[0] == '-' {
		n.Neg(n)
	}
	scale := int64(len(fraction)) - exponent
	if scale != int64(int32(scale)) {
		return nil, false
	}
	return &Decimal{Unscaled: n, Scale: int32(scale)}, true
}

// integer returns the value if it has no fraction. REQUIRES: a scale of moderate size.
func (d *Decimal) integer() (*big.Int, bool) {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	if d.Scale <= 0 {
		return ten.Mul(ten, d.Unscaled), true
	}
	q, r := new(big.Int).QuoRem(d.Unscaled, ten, new(big.Int))
	return q, r.Sign() == 0
}

// Truncated returns the value without its fraction. REQUIRES: a scale of moderate size.
func (d *Decimal) Truncated() *big.Int {
	n, _ := d.integer()
	return n
}

// AppendLiteral appends a value as Java's Values.convertToString writes it, so that ParseValue finds it again: strings alone
// are as they are, and quoted in lists and maps; bytes are in base64.
func AppendLiteral(b []byte, v any) []byte { return appendLiteral(b, v, false) }

func appendLiteral(b []byte, v any, embedded bool) []byte {
	quoted := func(s string) []byte {
		if !embedded {
			return append(b, s...)
		}
		return append(append(append(b, '"'), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)...), '"')
	}
	switch v := v.(type) {
	case string:
		return quoted(v)
	case []byte:
		return quoted(base64.StdEncoding.EncodeToString(v))
	case time.Time:
		return append(b, FormatTime(v)...)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLiteral(b, e, true)
		}
		return append(b, ']')
	case *Map:
		b = append(b, '{')
		first := true
		for k, e := range v.All {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendLiteral(append(appendLiteral(b, k, true), ':'), e, true)
		}
		return append(b, '}')
	}
	return AppendText(b, v)
}
