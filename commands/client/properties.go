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

	"github.com/kgo-project/kgo/internal/javaprops"
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

// Parse reads the text of a properties file.
func Parse(text []byte) (Properties, error) {
	properties, err := javaprops.Parse(text)
	if err != nil {
		return nil, err
	}
	p := make(Properties, len(properties))
	for _, one := range properties {
		p[one.Key] = one.Value
	}
	return p, nil
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
