package config

import (
	"errors"
	"fmt"

	"github.com/kgo-project/kgo/internal/javaprops"
)

// ParseProperties reads a properties file; its settings know where they stand in it.
func ParseProperties(name string, text []byte) ([]Setting, error) {
	properties, err := javaprops.Parse(text)
	if bad := (*javaprops.SyntaxError)(nil); errors.As(err, &bad) {
		return nil, fmt.Errorf("%s:%d: %w", name, bad.Line, bad.Err)
	}
	var out []Setting
	for _, p := range properties {
		out = append(out, Setting{Key: p.Key, Value: p.Value, Origin: Origin{File: name, Line: p.Line}})
	}
	return out, nil
}
