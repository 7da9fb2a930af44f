package client

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Properties is a Java client's configuration.
type Properties map[string]string

// maxFileSize bounds a configuration file.
const maxFileSize = 4 << 20

// LoadFile reads a properties file and resolves its config providers.
func LoadFile(path string) (Properties, error) {
	p, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := p.resolve(); err != nil {
		return nil, &ConfigError{Text: path + ": " + err.Error()}
	}
	return p, nil
}

// ReadFile reads a properties file as it is, references to config providers included.
func ReadFile(path string) (Properties, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &ConfigError{Text: path + ": no such file"}
	case err != nil:
		return nil, err
	case info.Size() > maxFileSize:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFileSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := Parse(text)
	if err != nil {
		return nil, &ConfigError{Text: path + ": " + err.Error()}
	}
	return p, nil
}

// Parse reads the format of java.util.Properties: `key=value`, `key: value` or `key value`, comments after # or !, a backslash
// at the end of a line continues it, and \uXXXX, \t, \n, \r, \f are escapes.
func Parse(text []byte) (Properties, error) {
	p := make(Properties)
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\r", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		number := i + 1
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		var logical strings.Builder
		for continued(line) && i+1 < len(lines) {
			logical.WriteString(line[:len(line)-1])
			i++
			line = strings.TrimLeft(lines[i], " \t\f")
		}
		if continued(line) {
			line = line[:len(line)-1]
		}
		logical.WriteString(line)
		key, value := splitProperty(logical.String())
		k, err := unescape(key)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if p[k], err = unescape(value); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return p, nil
}

// continued reports whether a line ends with an odd number of backslashes.
func continued(line string) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func splitProperty(line string) (key, value string) {
	i := 0
	for i < len(line) && !strings.ContainsRune("=: \t\f", rune(line[i])) {
		if line[i] == '\\' {
			i++
		}
		i++
	}
	i = min(i, len(line))
	rest := strings.TrimLeft(line[i:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return line[:i], rest
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
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
			if i+5 > len(s) {
				return "", errors.New(`malformed \uxxxx escape`)
			}
			code, err := strconv.ParseUint(s[i+1:i+5], 16, 32)
			if err != nil {
				return "", errors.New(`malformed \uxxxx escape`)
			}
			r := rune(code)
			if !utf8.ValidRune(r) {
				r = utf8.RuneError
			}
			b.WriteRune(r)
			i += 4
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// Clone returns a copy.
func (p Properties) Clone() Properties {
	c := make(Properties, len(p))
	maps.Copy(c, p)
	return c
}

// Duration reads a number of milliseconds.
func (p Properties) Duration(key string, otherwise time.Duration) time.Duration {
	if ms, err := strconv.ParseInt(strings.TrimSpace(p[key]), 10, 64); err == nil && ms >= 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return otherwise
}
