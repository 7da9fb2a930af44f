package converters

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kgo-project/kgo/connect"
)

// Parsed JSON is nil, bool, string, number, []any or *connect.Map.

// number is a JSON number as it was written.
type number string

func (n number) integral() bool {
	for i := range len(n) {
		if c := n[i]; c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}

// maxDepth bounds nesting, as Jackson does.
const maxDepth = 1000

var (
	errJSONEnd   = errors.New("unexpected end of JSON")
	errJSONDepth = errors.New("JSON nested too deeply")
)

type jsonParser struct {
	b     []byte
	pos   int
	depth int
}

// parseJSON parses one value; what follows it is ignored, as Kafka Connect does.
func parseJSON(b []byte) (any, error) {
	p := jsonParser{b: b}
	return p.value()
}

func (p *jsonParser) bad() error {
	if p.pos >= len(p.b) {
		return errJSONEnd
	}
	return errors.New("unexpected character " + strconv.QuoteRune(rune(p.b[p.pos])) + " at byte " + strconv.Itoa(p.pos+1))
}

func (p *jsonParser) space() byte {
	for p.pos < len(p.b) {
		switch c := p.b[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

func (p *jsonParser) value() (any, error) {
	switch c := p.space(); {
	case c == '"':
		return p.text()
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == 't' && p.word("true"):
		return true, nil
	case c == 'f' && p.word("false"):
		return false, nil
	case c == 'n' && p.word("null"):
		return nil, nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	return nil, p.bad()
}

func (p *jsonParser) word(w string) bool {
	if len(p.b)-p.pos < len(w) || string(p.b[p.pos:p.pos+len(w)]) != w {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for p.pos < len(p.b) && p.b[p.pos] >= '0' && p.b[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > start
}

func (p *jsonParser) at(chars string) bool {
	for i := range len(chars) {
		if p.pos < len(p.b) && p.b[p.pos] == chars[i] {
			return true
		}
	}
	return false
}

func (p *jsonParser) number() (any, error) {
	start := p.pos
	if p.at("-") {
		p.pos++
	}
	first := p.pos
	if !p.digits() || p.b[first] == '0' && p.pos > first+1 {
		return nil, p.bad()
	}
	if p.at(".") {
		p.pos++
		if !p.digits() {
			return nil, p.bad()
		}
	}
	if p.at("eE") {
		p.pos++
		if p.at("+-") {
			p.pos++
		}
		if !p.digits() {
			return nil, p.bad()
		}
	}
	return number(p.b[start:p.pos]), nil
}

func (p *jsonParser) text() (string, error) {
	p.pos++
	start := p.pos
	for p.pos < len(p.b) {
		switch c := p.b[p.pos]; {
		case c == '"':
			s := p.b[start:p.pos]
			p.pos++
			return connect.DecodeUTF8(s), nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.bad()
		}
		p.pos++
	}
	return "", errJSONEnd
}

// escaped goes on with a string from its first backslash.
func (p *jsonParser) escaped(start int) (string, error) {
	out := append(make([]byte, 0, 2*(p.pos-start)+16), p.b[start:p.pos]...)
	for p.pos < len(p.b) {
		c := p.b[p.pos]
		switch {
		case c == '"':
			p.pos++
			return connect.DecodeUTF8(out), nil
		case c < 0x20:
			return "", p.bad()
		case c != '\\':
			out = append(out, c)
			p.pos++
			continue
		}
		p.pos++
		if p.pos >= len(p.b) {
			return "", errJSONEnd
		}
		switch c = p.b[p.pos]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := p.hex(p.pos + 1)
			if !ok {
				return "", p.bad()
			}
			p.pos += 4
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if p.pos+2 < len(p.b) && p.b[p.pos+1] == '\\' && p.b[p.pos+2] == 'u' {
					low, _ = p.hex(p.pos + 3)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					p.pos += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", p.bad()
		}
		p.pos++
	}
	return "", errJSONEnd
}

func (p *jsonParser) hex(at int) (rune, bool) {
	if at+4 > len(p.b) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.b[at:at+4]), 16, 16)
	return rune(n), err == nil
}

func (p *jsonParser) enter() error {
	p.pos++
	if p.depth++; p.depth > maxDepth {
		return errJSONDepth
	}
	return nil
}

func (p *jsonParser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	out := []any{}
	if p.space() == ']' {
		p.pos++
		return out, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		switch p.space() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return out, nil
		default:
			return nil, p.bad()
		}
	}
}

func (p *jsonParser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	out := connect.NewMap()
	if p.space() == '}' {
		p.pos++
		return out, nil
	}
	for {
		if p.space() != '"' {
			return nil, p.bad()
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if p.space() != ':' {
			return nil, p.bad()
		}
		p.pos++
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out.Set(key, v)
		switch p.space() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return out, nil
		default:
			return nil, p.bad()
		}
	}
}

// ParseJSON parses a whole document into values without schemas: whole numbers are int64, other numbers float64.
func ParseJSON(b []byte) (any, error) {
	p := jsonParser{b: b}
	node, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.b) {
		return nil, p.bad()
	}
	return schemaless(node), nil
}
