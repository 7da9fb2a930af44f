// Package javaprops reads files in the format of java.util.Properties, which is what Kafka's configuration files are.
package javaprops

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Property is one setting of a file, and the line, counted from 1, at which it starts.
type Property struct {
	Key, Value string
	Line       int
}

// SyntaxError says which line can't be read, and why.
type SyntaxError struct {
	Line int
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads "key=value", "key: value" or "key value" lines, # and ! comments, lines continued by a backslash, escapes with \uXXXX.
// There is no expansion of variables. The text may be UTF-8; a byte that isn't is read as Latin-1, which is what Java's class
// assumes. A key given twice appears twice; the later one counts. An error is a *SyntaxError.
func Parse(text []byte) ([]Property, error) {
	var out []Property
	lines := logicalLines{rest: decodeText(text)}
	for lines.next() {
		key, value := splitKey(lines.text)
		k, err := unescape(key)
		if err == nil {
			value, err = unescape(value)
		}
		if err != nil {
			return nil, &SyntaxError{lines.line, err}
		}
		out = append(out, Property{k, value, lines.line})
	}
	return out, nil
}

// decodeText makes valid UTF-8 of a file.
func decodeText(text []byte) string {
	if utf8.Valid(text) {
		return strings.TrimPrefix(string(text), "\ufeff")
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			r = rune(text[0])
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String()
}

// logicalLines walks the lines that are neither blank nor comments, with continued lines joined.
type logicalLines struct {
	rest string
	seen int    // natural lines so far
	text string // the logical line
	line int    // where it starts
}

const blank = " \t\f"

func (l *logicalLines) next() bool {
	var b strings.Builder
	for l.rest != "" {
		part := strings.TrimLeft(l.natural(), blank)
		if b.Len() == 0 {
			if part == "" || part[0] == '#' || part[0] == '!' { // a comment is never continued, nor does a line begin by continuing nothing
				continue
			}
			l.line = l.seen
		}
		if continued(part) {
			b.WriteString(part[:len(part)-1])
			continue
		}
		b.WriteString(part)
		break
	}
	l.text = b.String()
	return l.text != ""
}

// natural cuts off the next line; it ends at \n, \r or \r\n.
func (l *logicalLines) natural() string {
	l.seen++
	i := strings.IndexAny(l.rest, "\r\n")
	if i < 0 {
		line := l.rest
		l.rest = ""
		return line
	}
	line := l.rest[:i]
	if l.rest[i] == '\r' && i+1 < len(l.rest) && l.rest[i+1] == '\n' {
		i++
	}
	l.rest = l.rest[i+1:]
	return line
}

// continued reports whether a line ends with an odd number of backslashes.
func continued(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// splitKey finds the end of the key: the first unescaped =, : or white space. At most one = or : between white space belongs to the separator.
func splitKey(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=:"+blank, line[i]) >= 0 {
			end = i
			break
		}
	}
	key, value = line[:end], strings.TrimLeft(line[end:], blank)
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], blank)
	}
	return key, value
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			if s[i] != '\\' {
				b.WriteByte(s[i])
			}
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, err := unicodeEscape(s[i-1:])
			if err != nil {
				return "", err
			}
			i += 4
			if low := s[i+1:]; utf16.IsSurrogate(r) && strings.HasPrefix(low, `\u`) {
				if second, err := unicodeEscape(low); err == nil {
					if joined := utf16.DecodeRune(r, second); joined != utf8.RuneError {
						r = joined
						i += 6
					}
				}
			}
			b.WriteRune(r)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// unicodeEscape reads \uXXXX at the start of s.
func unicodeEscape(s string) (rune, error) {
	if len(s) < 6 {
		return 0, fmt.Errorf(`%q is no \uXXXX escape: four hexadecimal digits must follow (a Windows path needs \\ or /)`, s)
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return 0, fmt.Errorf(`%q is no \uXXXX escape: four hexadecimal digits must follow (a Windows path needs \\ or /)`, s[:6])
	}
	return rune(n), nil
}
