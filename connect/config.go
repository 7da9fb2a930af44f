package connect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
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
func (c Config) List(key string) []string { return SplitList(c[key]) }

// SplitList splits a list at its commas.
func SplitList(text string) []string {
	var out []string
	for s := range strings.SplitSeq(text, ",") {
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
	Type       string // BOOLEAN, STRING, SHORT, INT, LONG, DOUBLE, LIST, CLASS, PASSWORD
	Required   bool
	Default    *string
	Importance string // HIGH, MEDIUM, LOW
	Doc        string
	Group      string
	Order      int
	Width      string
	Display    string
	Check      func(value string) error // of a value of the right type; see [WholeError]
	Recommend  []string
	// Resolve finds the full name of a class; for settings of type CLASS.
	Resolve func(name string) (full string, ok bool)
}

// Default makes a pointer to a default value.
//
//go:fix inline
func Default(s string) *string { return new(s) }

// Errors checks one setting against its value in a configuration, in Kafka's words.
func (k *ConfigKey) Errors(config Config) []string {
	_, errs := k.Evaluate("", config)
	return errs
}

// Evaluate returns a setting's value, as the REST API shows it, and what is wrong with it. The setting's name in the
// configuration has the prefix before it. The value is nil if there is none or if it is not of the setting's type.
func (k *ConfigKey) Evaluate(prefix string, config Config) (value *string, errs []string) {
	name := prefix + k.Name
	raw, ok := config[name]
	if !ok {
		if k.Required {
			return nil, []string{fmt.Sprintf("Missing required configuration %q which has no default value.", name)}
		}
		return k.Default, nil
	}
	shown, bad := k.parse(strings.TrimSpace(raw))
	if bad != "" {
		errs = append(errs, fmt.Sprintf("Invalid value %s for configuration %s: %s", strings.TrimSpace(raw), name, bad))
		if k.Check != nil && k.numeric() && (k.Required || k.Default != nil) {
			errs = append(errs, fmt.Sprintf("Invalid value null for configuration %s: Value must be non-null", k.Name))
		}
		return nil, errs
	}
	if k.Check == nil {
		return &shown, nil
	}
	if err := k.Check(shown); err != nil {
		if whole, ok := errors.AsType[WholeError](err); ok {
			return &shown, []string{string(whole)}
		}
		if k.Type == "LIST" {
			return &shown, []string{fmt.Sprintf("Invalid value [%s] for configuration %s: %s", strings.Join(SplitList(shown), ", "), k.Name, err.Error())}
		}
		return &shown, []string{fmt.Sprintf("Invalid value %s for configuration %s: %s", shown, k.Name, err.Error())}
	}
	return &shown, nil
}

func (k *ConfigKey) numeric() bool {
	switch k.Type {
	case "SHORT", "INT", "LONG", "DOUBLE":
		return true
	}
	return false
}

// parse reads a value of the setting's type and writes it as Kafka would; bad is what is wrong with it.
func (k *ConfigKey) parse(text string) (shown, bad string) {
	bits := 64
	switch k.Type {
	case "BOOLEAN":
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			return "", "Expected value to be either true or false"
		}
		return strings.ToLower(text), ""
	case "DOUBLE":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", "Not a number of type DOUBLE"
		}
		return string(AppendFloat(nil, f, 64)), ""
	case "SHORT":
		bits = 16
	case "INT":
		bits = 32
	case "LONG":
	case "LIST":
		var list []string
		if text == "" {
			return "", ""
		}
		for s := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(s))
		}
		return strings.Join(list, ","), ""
	case "CLASS":
		if k.Resolve == nil {
			return text, ""
		}
		full, ok := k.Resolve(text)
		if !ok {
			return "", "Class " + text + " could not be found."
		}
		return full, ""
	default:
		return text, ""
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return "", "Not a number of type " + k.Type
	}
	return strconv.FormatInt(n, 10), ""
}

// WholeError is the error of a check that is the whole message, without the setting's name and value before it.
type WholeError string

func (e WholeError) Error() string { return string(e) }

// NonEmpty checks that a string is not empty.
func NonEmpty(s string) error {
	if s == "" {
		return errors.New("String must be non-empty")
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

// ExactlyOneOf checks that a string is one of a few.
func ExactlyOneOf(values ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("String must be one of: %s", strings.Join(values, ", "))
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
