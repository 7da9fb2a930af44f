package connect

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Config is a connector's configuration.
type Config map[string]string

// Clone returns a copy.
func (c Config) Clone() Config { return maps.Clone(c) }

// Or returns a value, or another if it is absent.
func (c Config) Or(key, otherwise string) string {
	if v, ok := c[key]; ok {
		return v
	}
	return otherwise
}

// Bool reads a boolean.
func (c Config) Bool(key string, otherwise bool) bool {
	if v, ok := c[key]; ok {
		return strings.EqualFold(strings.TrimSpace(v), "true")
	}
	return otherwise
}

// Int reads a number that has been validated.
func (c Config) Int(key string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(strings.TrimSpace(c[key]), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// Duration reads milliseconds.
func (c Config) Duration(key string, otherwise time.Duration) time.Duration {
	if n, err := strconv.ParseInt(strings.TrimSpace(c[key]), 10, 64); err == nil {
		return time.Duration(n) * time.Millisecond
	}
	return otherwise
}

// List reads a list separated by commas.
func (c Config) List(key string) []string {
	var out []string
	for s := range strings.SplitSeq(c[key], ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Prefixed returns the keys that begin with prefix, without it.
func (c Config) Prefixed(prefix string) Config {
	out := Config{}
	for k, v := range c {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = v
		}
	}
	return out
}

// ConfigDef is the table of a plugin's settings.
type ConfigDef struct {
	Keys []ConfigKey
}

// ConfigKey is one setting, as the REST API shows it.
type ConfigKey struct {
	Name       string
	Type       string // BOOLEAN, STRING, INT, LONG, DOUBLE, LIST, CLASS, PASSWORD
	Required   bool
	Default    *string
	Importance string // HIGH, MEDIUM, LOW
	Doc        string
	Group      string
	Order      int
	Width      string
	Display    string
	Check      func(value string) error
	Recommend  []string
}

// Default makes a pointer to a default value.
//
//go:fix inline
func Default(s string) *string { return new(s) }

// Errors checks one setting against its value in a configuration, in Kafka's words.
func (k *ConfigKey) Errors(config Config) []string {
	v, ok := config[k.Name]
	if !ok {
		if k.Required {
			return []string{fmt.Sprintf("Missing required configuration %q which has no default value.", k.Name)}
		}
		return nil
	}
	bad := func(text string) []string {
		return []string{fmt.Sprintf("Invalid value %s for configuration %s: %s", v, k.Name, text)}
	}
	trimmed := strings.TrimSpace(v)
	var err error
	switch k.Type {
	case "INT":
		_, err = strconv.ParseInt(trimmed, 10, 32)
	case "LONG":
		_, err = strconv.ParseInt(trimmed, 10, 64)
	case "DOUBLE":
		_, err = strconv.ParseFloat(trimmed, 64)
	case "BOOLEAN":
		if !strings.EqualFold(trimmed, "true") && !strings.EqualFold(trimmed, "false") {
			return bad("Expected value to be either true or false")
		}
	}
	if err != nil {
		return bad("Not a number of type " + k.Type)
	}
	if k.Check != nil {
		if err := k.Check(v); err != nil {
			return bad(err.Error())
		}
	}
	return nil
}

// AtLeast checks that a number is not smaller than a bound.
func AtLeast(least int64) func(string) error {
	return func(s string) error {
		if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil && n < least {
			return fmt.Errorf("Value must be at least %d", least)
		}
		return nil
	}
}

// OneOf checks that a string is one of a few, whatever its case.
func OneOf(values ...string) func(string) error {
	return func(s string) error {
		for _, v := range values {
			if strings.EqualFold(v, s) {
				return nil
			}
		}
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.Join(values, ", "))
	}
}
