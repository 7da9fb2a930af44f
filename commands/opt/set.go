package opt

import (
	"strconv"
	"strings"
)

// Set holds the options of one parsed command line.
type Set struct {
	Spec *Spec
	// Sub is the sub-command's own set, for tools that have sub-commands.
	Sub *Set
	// Words are the arguments that belong to no option.
	Words []string
	// Args is the command line as it was given.
	Args []string
	// Order lists the names of the options as they came.
	Order []string

	values map[string][]string // by long name; a flag has an entry without values
}

func newSet(spec *Spec, args []string) *Set {
	return &Set{Spec: spec, Args: args, values: make(map[string][]string)}
}

func (s *Set) add(o *Option, values ...string) {
	s.Order = append(s.Order, o.Name)
	s.values[o.Name] = append(s.values[o.Name], values...)
}

// Has reports whether the option was given.
func (s *Set) Has(name string) bool {
	_, ok := s.values[name]
	return ok
}

// HasArg reports whether the option was given with a value.
func (s *Set) HasArg(name string) bool { return len(s.values[name]) > 0 }

// Values returns every value given for the option, or its default.
func (s *Set) Values(name string) []string {
	if v := s.values[name]; len(v) > 0 {
		return v
	}
	if o := s.Spec.Lookup(name); o != nil && o.Default != "" {
		return []string{o.Default}
	}
	return nil
}

// Value returns the option's only value, its default, or nothing. More than one value is an error.
func (s *Set) Value(name string) (string, error) {
	v := s.Values(name)
	switch len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", &MultipleArgumentsError{Option: name}
}

// String returns the option's last value, for options whose repetition was excluded or does no harm.
func (s *Set) String(name string) string {
	if v := s.Values(name); len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// Int returns the option's value as a 32-bit integer, and whether there is one.
func (s *Set) Int(name string) (int32, bool, error) {
	n, ok, err := s.number(name, 32)
	return int32(n), ok, err
}

// Long returns the option's value as a 64-bit integer, and whether there is one.
func (s *Set) Long(name string) (int64, bool, error) { return s.number(name, 64) }

func (s *Set) number(name string, bits int) (int64, bool, error) {
	v, err := s.Value(name)
	if err != nil || (v == "" && !s.HasArg(name)) {
		return 0, false, err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(v, "+"), 10, bits)
	if err != nil {
		return 0, false, &ConversionError{Option: name, Value: v}
	}
	return n, true, nil
}

// Double returns the option's value as a floating-point number, and whether there is one.
func (s *Set) Double(name string) (float64, bool, error) {
	v, err := s.Value(name)
	if err != nil || (v == "" && !s.HasArg(name)) {
		return 0, false, err
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return 0, false, &ConversionError{Option: name, Value: v}
	}
	return f, true, nil
}
