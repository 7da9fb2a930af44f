package client

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kgo-project/kgo/commands/opt"
)

// Kind is a kind of client: each knows keys of its own.
type Kind byte

// The kinds of Java's clients.
const (
	Producer Kind = 'p'
	Consumer Kind = 'c'
	Admin    Kind = 'a'
)

// configKey is a key that Java's clients know.
type configKey struct {
	name   string
	kinds  string // of the clients that know it
	kind   string // Kafka's type: STRING, INT, ...
	bounds string // what a value may be, as keys.tsv says it
	effect string // yes, or why there is none
}

//go:embed keys.tsv
var keysTable string

var configKeys = sync.OnceValue(func() map[string]configKey {
	keys := make(map[string]configKey)
	for line := range strings.Lines(keysTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 5 {
			keys[f[0]] = configKey{name: f[0], kinds: f[1], kind: f[2], bounds: f[3], effect: f[4]}
		}
	}
	return keys
})

// Check refuses values that a Java client of that kind refuses, with its words.
func (p Properties) Check(kind Kind) error {
	keys := configKeys()
	for _, name := range p.Keys() {
		if k, known := keys[name]; known && strings.IndexByte(k.kinds, byte(kind)) >= 0 {
			if err := k.check(p[name]); err != nil {
				return err
			}
		}
	}
	if mechanism, set := p["sasl.mechanism"]; set && strings.TrimSpace(mechanism) == "" && strings.HasPrefix(strings.ToUpper(p["security.protocol"]), "SASL_") {
		return &ConfigError{Key: "sasl.mechanism", Value: "null", Text: "When the security.protocol configuration enables SASL, mechanism must be non-null and non-empty string."}
	}
	switch kind {
	case Producer:
		return p.checkProducer()
	case Consumer:
		return p.checkConsumer()
	case Admin:
	}
	return nil
}

// checkProducer looks at what depends on several keys.
func (p Properties) checkProducer() error {
	idempotent, set := p.boolean("enable.idempotence")
	weak := p["acks"] == "0" || p["acks"] == "1"
	retries, limited := p.integer("retries")
	if !set && !weak && (!limited || retries != 0) || idempotent {
		switch inFlight, _ := p.integer("max.in.flight.requests.per.connection"); {
		case weak:
			return &ConfigError{Text: "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."}
		case limited && retries == 0:
			return &ConfigError{Text: "Must set retries to non-zero when using the idempotent producer."}
		case inFlight > 5:
			return &ConfigError{Text: fmt.Sprintf("To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. Current value is %d.", inFlight)}
		}
		return nil
	}
	if p["transactional.id"] != "" {
		return &ConfigError{Text: "Cannot set a transactional.id without also enabling idempotence."}
	}
	return nil
}

func (p Properties) checkConsumer() error {
	protocol, others := "CLASSIC", []string{"group.remote.assignor", "share.acknowledgement.mode", "share.acquire.mode"}
	if strings.EqualFold(strings.TrimSpace(p["group.protocol"]), "consumer") {
		protocol, others = "CONSUMER", []string{"heartbeat.interval.ms", "session.timeout.ms", "partition.assignment.strategy"}
	}
	for _, name := range others {
		if p[name] != "" {
			return &ConfigError{Text: name + " cannot be set when group.protocol=" + protocol}
		}
	}
	return nil
}

// Remarks says of the settings of a client which have no effect, where that matters, and which may be spelled wrong. Keys that Kafka's clients don't know
// are somebody's own, as they are to Java's, unless they are nearly one of Kafka's.
func (p Properties) Remarks() []string {
	const likely = 2 // letters wrong
	var out []string
	keys := configKeys()
	names := slices.Sorted(maps.Keys(keys))
	for _, name := range p.Keys() {
		k, known := keys[name]
		if reason, warn := strings.CutPrefix(k.effect, "warn: "); known && warn && p[name] != "" && !strings.HasSuffix(p[name], ".JmxReporter") {
			out = append(out, name+" has no effect: "+reason)
		}
		if known || strings.HasPrefix(name, "config.providers.") {
			continue
		}
		if meant := opt.Nearest(name, names, likely); meant != "" {
			out = append(out, name+" is not known to Kafka's clients: did you mean "+meant+"?")
		}
	}
	return out
}

// check refuses a value as Java's ConfigDef does.
func (k configKey) check(raw string) error {
	value := strings.TrimSpace(raw)
	refuse := func(shown, text string) error { return &ConfigError{Key: k.name, Value: shown, Text: text} }
	rule, list, _ := strings.Cut(k.bounds, ": ")
	allowed := strings.Split(list, ", ")
	switch k.kind {
	case "BOOLEAN":
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return refuse(raw, "Expected value to be either true or false")
		}
	case "SHORT", "INT", "LONG", "DOUBLE":
		return k.checkNumber(raw, value)
	case "CLASS":
		if rule == "built in" && !slices.Contains(allowed, raw) {
			return &ConfigError{Key: k.name, Value: raw, Text: "Class " + raw + " could not be found.", Hint: "kgo runs no Java classes"}
		}
	case "LIST":
		if items := strings.Split(value, ","); len(items) > 1 && slices.ContainsFunc(items, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			return &ConfigError{Text: "Configuration '" + k.name + "' values must not be empty."}
		}
	case "STRING":
		switch {
		case rule == "one of" && !slices.Contains(allowed, value):
			return refuse(value, "String must be one of: "+list)
		case rule == "any case" && !slices.ContainsFunc(allowed, func(s string) bool { return strings.EqualFold(s, value) }):
			return refuse(value, "String must be one of (case insensitive): "+list)
		case rule == "either" && !slices.Contains(allowed, value), rule == "either, any case" && !slices.Contains(allowed, strings.ToLower(value)):
			return refuse(value, fmt.Sprintf("Invalid value `%s` for configuration %s. The value must either be '%s' or '%s'.", value, k.name, allowed[0], allowed[1]))
		case rule == "non-empty" && value == "":
			return refuse(value, "String must be non-empty")
		case rule == "reset":
			if _, err := parseReset(value); err != nil {
				return refuse(value, "Invalid value `"+value+"` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.")
			}
		}
	}
	return nil
}

func (k configKey) checkNumber(raw, value string) error {
	var n float64
	var err error
	if bits, ok := map[string]int{"SHORT": 16, "INT": 32, "LONG": 64}[k.kind]; ok {
		var whole int64
		whole, err = strconv.ParseInt(value, 10, bits)
		n = float64(whole)
	} else {
		n, err = strconv.ParseFloat(value, 64)
	}
	if err != nil {
		return &ConfigError{Key: k.name, Value: raw, Text: "Not a number of type " + k.kind}
	}
	text := ""
	if k.bounds == "gzip" {
		if n != -1 && (n < 1 || n > 9) {
			text = "Value must be between 1 and 9 or equal to -1"
		}
	} else if least, most, ok := strings.Cut(k.bounds, ".."); ok {
		low, _ := strconv.ParseFloat(least, 64)
		high, unbounded := strconv.ParseFloat(most, 64)
		switch {
		case n < low:
			text = "Value must be at least " + least
		case unbounded == nil && n > high:
			text = "Value must be no more than " + most
		}
	}
	if text == "" {
		return nil
	}
	if k.kind == "DOUBLE" {
		value = javaDouble(n)
	}
	return &ConfigError{Key: k.name, Value: value, Text: text}
}

// javaDouble prints a small number as Java does: with a fraction.
func javaDouble(n float64) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// integer reads a whole number. Check has refused what is none.
func (p Properties) integer(key string) (value int64, set bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(p[key]), 10, 64)
	return n, err == nil
}

// boolean reads true or false. Check has refused what is neither.
func (p Properties) boolean(key string) (value, set bool) {
	v := strings.TrimSpace(p[key])
	return strings.EqualFold(v, "true"), v != ""
}
