// Package transforms has Apache Kafka's single message transforms and predicates.
//
// A [Plugin] is one of them: its class, its settings and how it is made. [Chain] makes what a connector's transforms.* and
// predicates.* settings ask for; validate.go has the definitions that the REST API shows of them. There is a file for each
// transform. testdata/apache.golden has what Apache's classes do with the cases in testdata/cases.jsonl.
package transforms

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// Plugin is a transform or a predicate; either MakeTransform or MakePredicate is set.
type Plugin struct {
	Class  string
	Config *connect.ConfigDef

	MakeTransform func(settings) (connect.Transform, error)
	MakePredicate func(settings) (connect.Predicate, error)
}

// settings are a plugin's checked settings; defaults are filled in.
type settings struct{ connect.Config }

const (
	root       = "org.apache.kafka.connect.transforms."
	predicates = root + "predicates."
)

// Transforms returns all transforms by their class names.
func Transforms() []*Plugin { return transformPlugins }

// Predicates returns all predicates by their class names.
func Predicates() []*Plugin { return predicatePlugins }

func find(list []*Plugin, class string) *Plugin {
	for _, p := range list {
		// A class inside another, such as Cast$Value, has no short name.
		simple := p.Class[strings.LastIndexByte(p.Class, '.')+1:]
		if class == p.Class || class == simple && !strings.Contains(simple, "$") {
			return p
		}
	}
	return nil
}

// FindTransform finds a transform by its class name, in full or without the package.
func FindTransform(class string) *Plugin { return find(transformPlugins, class) }

// FindPredicate finds a predicate likewise.
func FindPredicate(class string) *Plugin { return find(predicatePlugins, class) }

// IsOuter tells whether a class only has others inside it, such as Cast with Cast$Key and Cast$Value.
func IsOuter(class string) bool { return len(Inner(class)) > 0 }

// Inner returns the classes inside a class.
func Inner(class string) []string {
	var out []string
	for _, p := range transformPlugins {
		if strings.HasPrefix(p.Class, class+"$") {
			out = append(out, p.Class)
		}
	}
	return out
}

// check parses a configuration: the first error is a ConfigException.
func (p *Plugin) check(config connect.Config) (settings, error) {
	out := connect.Config{}
	for _, k := range p.Config.Keys {
		value, errs := k.Evaluate("", config)
		if len(errs) > 0 {
			return settings{}, configError(errs[0])
		}
		if value != nil {
			out[k.Name] = *value
		}
	}
	return settings{out}, nil
}

// Transform makes a transform with its configuration.
func (p *Plugin) Transform(config connect.Config) (connect.Transform, error) {
	s, err := p.check(config)
	if err != nil {
		return nil, err
	}
	return p.MakeTransform(s)
}

// Predicate makes a predicate with its configuration.
func (p *Plugin) Predicate(config connect.Config) (connect.Predicate, error) {
	s, err := p.check(config)
	if err != nil {
		return nil, err
	}
	return p.MakePredicate(s)
}

// replaceNull tells whether a null is read as the field's default.
func (s settings) replaceNull() bool { return s.Bool("replace.null.with.default", true) }

func configError(text string) error {
	return &connect.DataError{Class: "org.apache.kafka.common.config.ConfigException", Text: text}
}

func configErrorf(format string, args ...any) error { return configError(fmt.Sprintf(format, args...)) }

func dataErrorf(format string, args ...any) error {
	return connect.DataErrorf(nil, fmt.Sprintf(format, args...))
}

func illegal(text string) error {
	return &connect.DataError{Class: "java.lang.IllegalArgumentException", Text: text}
}

// sided makes the $Key and $Value plugins of a transform.
func sided(name string, keys []connect.ConfigKey, make func(side, settings) (connect.Transform, error)) []*Plugin {
	var out []*Plugin
	for _, s := range []side{keySide, valueSide} {
		out = append(out, &Plugin{
			Class: root + name + "$" + s.String(), Config: &connect.ConfigDef{Keys: keys},
			MakeTransform: func(c settings) (connect.Transform, error) { return make(s, c) },
		})
	}
	return out
}

func plain(name string, keys []connect.ConfigKey, make func(settings) (connect.Transform, error)) []*Plugin {
	return []*Plugin{{Class: root + name, Config: &connect.ConfigDef{Keys: keys}, MakeTransform: make}}
}

func predicate(name string, keys []connect.ConfigKey, make func(settings) (connect.Predicate, error)) *Plugin {
	return &Plugin{Class: predicates + name, Config: &connect.ConfigDef{Keys: keys}, MakePredicate: make}
}

// The table.
var (
	transformPlugins = slices.Concat(
		castPlugins(), dropHeadersPlugins(), extractFieldPlugins(), filterPlugins(), flattenPlugins(), headerFromPlugins(), hoistFieldPlugins(),
		insertFieldPlugins(), insertHeaderPlugins(), maskFieldPlugins(), regexRouterPlugins(), replaceFieldPlugins(), setSchemaMetadataPlugins(),
		timestampConverterPlugins(), timestampRouterPlugins(), valueToKeyPlugins(),
	)
	predicatePlugins = []*Plugin{hasHeaderKey(), recordIsTombstone(), topicNameMatches()}
)
