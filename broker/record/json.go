package record

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
)

// jsonWriter appends JSON in the shape that Jackson gives Kafka's JSON nodes: no spaces, fields in schema order.
type jsonWriter struct {
	dst []byte
}

func appendMessageJSON(dst []byte, m generated, version int16) []byte {
	j := jsonWriter{dst}
	m.appendJSON(&j, version)
	return j.dst
}

func (j *jsonWriter) open(bracket byte)  { j.dst = append(j.dst, bracket) }
func (j *jsonWriter) close(bracket byte) { j.dst = append(j.dst, bracket) }
func (j *jsonWriter) null()              { j.dst = append(j.dst, "null"...) }

// element separates an element or a field from the one before it.
func (j *jsonWriter) element() {
	if last := j.dst[len(j.dst)-1]; last != '{' && last != '[' {
		j.dst = append(j.dst, ',')
	}
}

func (j *jsonWriter) name(field string) {
	j.element()
	j.dst = append(append(append(j.dst, '"'), field...), '"', ':')
}

func (j *jsonWriter) integer(v int64)   { j.dst = strconv.AppendInt(j.dst, v, 10) }
func (j *jsonWriter) int8(v int8)       { j.integer(int64(v)) }
func (j *jsonWriter) int16(v int16)     { j.integer(int64(v)) }
func (j *jsonWriter) uint16(v uint16)   { j.integer(int64(v)) }
func (j *jsonWriter) int32(v int32)     { j.integer(int64(v)) }
func (j *jsonWriter) int64(v int64)     { j.integer(v) }
func (j *jsonWriter) bool(v bool)       { j.dst = strconv.AppendBool(j.dst, v) }
func (j *jsonWriter) uuid(v ident.UUID) { j.string(v.String()) }
func (j *jsonWriter) bytes(v []byte)    { j.string(base64.StdEncoding.EncodeToString(v)) }

// float64 writes Java's form of a double: always with a decimal point, with an exponent from 1.0E7 and below 1.0E-3.
func (j *jsonWriter) float64(v float64) {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		j.string("NaN")
	case math.IsInf(v, 0):
		j.string(strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "Inf", "Infinity", 1))
	case abs != 0 && (abs < 1e-3 || abs >= 1e7):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		j.dst = append(append(append(j.dst, mantissa...), 'E'), strconv.Itoa(n)...)
	default:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		j.dst = append(j.dst, s...)
	}
}

// string escapes as Jackson does: the quote, the backslash and control characters, the latter in upper-case hexadecimal. Everything else is
// written as it is; bytes that are not UTF-8 become U+FFFD, as they do when Java decodes them.
func (j *jsonWriter) string(s string) {
	const hex = "0123456789ABCDEF"
	j.dst = append(j.dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			j.dst = append(j.dst, '\\', byte(c))
		case c == '\b':
			j.dst = append(j.dst, '\\', 'b')
		case c == '\t':
			j.dst = append(j.dst, '\\', 't')
		case c == '\n':
			j.dst = append(j.dst, '\\', 'n')
		case c == '\f':
			j.dst = append(j.dst, '\\', 'f')
		case c == '\r':
			j.dst = append(j.dst, '\\', 'r')
		case c < 0x20:
			j.dst = append(j.dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			j.dst = append(j.dst, string(c)...)
		}
	}
	j.dst = append(j.dst, '"')
}
