package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Layers is everything that was set, before resolution. The zero value is a server without any setting.
type Layers struct {
	Static      []Setting         // file, environment, --override; a later one wins
	ClusterWide map[string]string // dynamic config of the broker entity ""
	ThisBroker  map[string]string // dynamic config of this broker's id
}

// static finds a static setting.
func (l *Layers) static(name string) (Setting, bool) {
	for _, v := range slices.Backward(l.Static) {
		if v.Key == name {
			return v, true
		}
	}
	return Setting{}, false
}

// WithDynamic is l with other dynamic layers.
func (l *Layers) WithDynamic(clusterWide, thisBroker map[string]string) *Layers {
	return &Layers{Static: l.Static, ClusterWide: clusterWide, ThisBroker: thisBroker}
}

// values is the result of the layers for the broker's keys: what is set, by key, as text.
type values map[string]string

// effective merges the layers. A dynamic value that doesn't fit its key is left out: it was checked when it was set, and a running broker must not
// die of an older one.
func (l *Layers) effective() values {
	v := make(values, len(l.Static))
	for _, s := range l.Static {
		v.set(s.Key, s.Value)
	}
	for _, dynamic := range []map[string]string{l.ClusterWide, l.ThisBroker} {
		for name, value := range dynamic {
			if k, ok := lookupBroker(name); ok && k.Mode != ReadOnly && k.Check(value) == nil {
				v.set(name, value)
			}
		}
	}
	return v
}

func (v values) set(name, value string) {
	if k, ok := lookupBroker(name); !ok || k.Type != TypePassword {
		value = strings.TrimSpace(value)
	}
	v[name] = value
}

// text is a key's value, its default if it isn't set. A name that is no key is a mistake in the program.
func (v values) text(name string) (value string, ok bool) {
	if value, ok = v[name]; ok {
		return value, true
	}
	k, known := Lookup(ScopeBroker, name)
	if !known {
		panic("config: no such key: " + name)
	}
	if k.Default == nil {
		return "", false
	}
	return *k.Default, true
}

// IsSet reports whether the key has a value that is not its default.
func (b *Broker) IsSet(name string) bool {
	_, ok := b.values[name]
	return ok
}

// String is a key's value, empty if it has none.
func (b *Broker) String(name string) string {
	s, _ := b.values.text(name)
	return s
}

// Long is the value of a key of type LONG, INT or SHORT, 0 if it has none.
func (b *Broker) Long(name string) int64 {
	s, ok := b.values.text(name)
	if !ok || s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("config: %s=%s was not checked", name, s))
	}
	return n
}

// Int is Long for what fits an int.
func (b *Broker) Int(name string) int { return int(b.Long(name)) }

// Double is the value of a key of type DOUBLE.
func (b *Broker) Double(name string) float64 {
	s, _ := b.values.text(name)
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(fmt.Sprintf("config: %s=%s was not checked", name, s))
	}
	return v
}

// Bool is the value of a key of type BOOLEAN.
func (b *Broker) Bool(name string) bool {
	s, _ := b.values.text(name)
	return strings.EqualFold(s, "true")
}

// List is the value of a key of type LIST.
func (b *Broker) List(name string) []string {
	s, _ := b.values.text(name)
	return splitList(s)
}

// Duration is the value of a key that counts milliseconds, unless its name ends otherwise. Values beyond a time.Duration's range become its largest.
func (b *Broker) Duration(name string) time.Duration {
	unit := time.Millisecond
	switch {
	case strings.HasSuffix(name, ".seconds") || strings.HasSuffix(name, ".secs"):
		unit = time.Second
	case strings.HasSuffix(name, ".minutes"):
		unit = time.Minute
	case strings.HasSuffix(name, ".hours"):
		unit = time.Hour
	}
	const longest = time.Duration(1<<63 - 1)
	n := b.Long(name)
	if n > int64(longest/unit) {
		return longest
	}
	return time.Duration(n) * unit
}
