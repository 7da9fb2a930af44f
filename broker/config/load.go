package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// LoadOptions say where a server's settings come from; a later source wins: File, Environ, Overrides.
type LoadOptions struct {
	File      string    // server.properties; empty: none
	Environ   []string  // os.Environ(); KAFKA_... variables are read
	Overrides []string  // --override k=v
	Defaults  []Setting // the caller's own defaults, weaker than everything else
}

// Warning is a setting that is accepted but deserves a word.
type Warning struct {
	Setting Setting
	Text    string
}

func (w Warning) String() string { return SettingError(w).Error() }

// zooKeeperConnect is the one key that Kafka 4 has removed and that has a use here: it says where the coordinator is.
const zooKeeperConnect = "zookeeper.connect"

// Load reads the sources, checks and resolves them. Warnings name unknown keys ("did you mean") and keys that Kafka has removed.
//
// Without a file, and without a setting that says what the server is part of, the result is a cluster of one: broker and controller in one
// process, on localhost:9092, with internal topics of one replica.
func Load(opts LoadOptions) (*Layers, *Broker, []Warning, error) {
	given, err := readSources(opts)
	if err != nil {
		return nil, nil, nil, err
	}
	layers := &Layers{Static: slices.Clone(opts.Defaults)}
	if opts.File == "" && !slices.ContainsFunc(given, namesCluster) {
		layers.Static = append(layers.Static, single...)
	}
	layers.Static = append(layers.Static, given...)
	layers.mirrorID()
	b, err := layers.Resolve()
	if err != nil {
		return nil, nil, nil, err
	}
	return layers, b, layers.warnings(), nil
}

// mirrorID gives the two names of a server's id, node.id and broker.id, the one value that was set.
// DEVIATION(kafka): either name will do.
func (l *Layers) mirrorID() {
	node, hasNode := l.static("node.id")
	broker, hasBroker := l.static("broker.id")
	switch {
	case hasNode && !hasBroker:
		l.Static = append(l.Static, Setting{"broker.id", node.Value, node.Origin})
	case hasBroker && !hasNode && strings.TrimSpace(broker.Value) != "-1":
		l.Static = append(l.Static, Setting{"node.id", broker.Value, broker.Origin})
	}
}

// isSet reports whether a key is set at all, whatever to.
func (l *Layers) isSet(name string) bool {
	_, ok := l.static(name)
	return ok
}

// mirrored reports whether a setting is what mirrorID has made of the other name of the id.
func (l *Layers) mirrored(i int) bool {
	s := l.Static[i]
	return (s.Key == "node.id" || s.Key == "broker.id") && slices.ContainsFunc(l.Static[:i], func(given Setting) bool {
		return (given.Key == "node.id" || given.Key == "broker.id") && given.Key != s.Key && given.Origin == s.Origin && given.Value == s.Value
	})
}

// single is what a server without a file is.
var single = []Setting{
	{Key: "process.roles", Value: "broker,controller"},
	{Key: "node.id", Value: "1"},
	{Key: "listeners", Value: "PLAINTEXT://localhost:9092"},
	{Key: "offsets.topic.replication.factor", Value: "1"},
	{Key: "transaction.state.log.replication.factor", Value: "1"},
	{Key: "transaction.state.log.min.isr", Value: "1"},
	{Key: "share.coordinator.state.topic.replication.factor", Value: "1"},
	{Key: "share.coordinator.state.topic.min.isr", Value: "1"},
	{Key: "group.initial.rebalance.delay.ms", Value: "0"},
}

// namesCluster reports whether a setting says which cluster the server is part of.
func namesCluster(s Setting) bool {
	switch s.Key {
	case "process.roles", "broker.id", zooKeeperConnect, "controller.quorum.voters", "controller.quorum.bootstrap.servers":
		return true
	}
	return false
}

// readSources reads everything in the order of strength.
func readSources(opts LoadOptions) ([]Setting, error) {
	var given []Setting
	if opts.File != "" {
		text, err := os.ReadFile(opts.File)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		if given, err = ParseProperties(opts.File, text); err != nil {
			return nil, err
		}
	}
	given = append(given, fromEnviron(opts.Environ)...)
	for _, o := range opts.Overrides {
		key, value, ok := strings.Cut(o, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("--override %s: must have the form key=value", o)
		}
		given = append(given, Setting{Key: key, Value: value, Origin: Origin{File: "--override"}})
	}
	return given, nil
}

// fromEnviron reads KAFKA_... variables as Apache's container image does: "___" stands for "-", "__" for "_" and "_" for ".". Variables that
// make no key (KAFKA_HEAP_OPTS, KAFKA_OPTS, ...) are somebody else's.
func fromEnviron(environ []string) []Setting {
	var out []Setting
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		rest, ok := strings.CutPrefix(name, "KAFKA_")
		if !ok {
			continue
		}
		key := strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(strings.ToLower(rest))
		if _, known := lookupBroker(key); known {
			out = append(out, Setting{Key: key, Value: value, Origin: Origin{File: name}})
		}
	}
	slices.SortFunc(out, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// lookupBroker finds a broker key, also behind a listener's prefix: listener.name.external.ssl.keystore.location.
func lookupBroker(name string) (*Key, bool) {
	if k, ok := Lookup(ScopeBroker, name); ok {
		return k, true
	}
	return Lookup(ScopeBroker, withoutListener(name))
}

// withoutListener drops "listener.name.<name>." and, for the SASL keys, the mechanism that may follow it.
func withoutListener(name string) string {
	rest, ok := strings.CutPrefix(name, "listener.name.")
	if !ok {
		return name
	}
	_, key, _ := strings.Cut(rest, ".")
	if _, known := Lookup(ScopeBroker, key); !known {
		if _, after, found := strings.Cut(key, ".sasl."); found {
			key = "sasl." + after
		} else if _, after, found := strings.Cut(key, "."); found {
			key = after
		}
	}
	return key
}

func (l *Layers) warnings() []Warning {
	var out []Warning
	for _, s := range l.Static {
		k, ok := lookupBroker(s.Key)
		switch {
		case !ok && !foreign(s.Key):
			text := "unknown key, ignored"
			if near := nearest(s.Key); near != "" {
				text += "; did you mean " + near + "?"
			}
			out = append(out, Warning{s, text})
		case ok && k.Use == Removed && s.Key != zooKeeperConnect:
			out = append(out, Warning{s, "Kafka 4 has no such key any more; ignored"})
		case s.Key == zooKeeperConnect:
			if _, chroot, err := parseZooKeeper(s.Value); err == nil && chroot != "" {
				out = append(out, Warning{s, "the path " + chroot + " separates nothing: kgo coordinator holds one cluster, and brokers that name another path are brokers of the same one. For a second cluster start another coordinator"})
			}
		case s.Key == "authorizer.class.name" && strings.TrimSpace(s.Value) != "":
			out = append(out, Warning{s, "kgo has no authorizer yet: ACLs are stored, and nobody is refused anything because of them"})
		}
	}
	return out
}

// foreign reports whether a key belongs to a plug-in of other distributions, whose keys are nobody's typing mistakes.
func foreign(key string) bool {
	return strings.HasPrefix(key, "confluent.") || strings.HasPrefix(key, "rlmm.config.") || strings.HasPrefix(key, "rsm.config.") ||
		strings.HasPrefix(key, "cruise.control.")
}

// nearest is the known key most like name, empty if none is.
func nearest(name string) string {
	best, most := "", len(name)/4+1
	for _, k := range Keys(ScopeBroker) {
		if d := distance(name, k.Name, most); d < most {
			best, most = k.Name, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace; it gives up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		corner := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := corner
			if a[i-1] != b[j-1] {
				cost++
			}
			corner = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// Unused lists the settings that are known but change nothing in kgo, for `kgo server --check`.
func (l *Layers) Unused() []Setting {
	var out []Setting
	for _, s := range l.Static {
		if k, ok := lookupBroker(s.Key); ok && k.Use == Accepted {
			out = append(out, s)
		}
	}
	return out
}

// IsSettingsError reports whether err is about the settings, rather than about reading them.
func IsSettingsError(err error) bool {
	var e Errors
	return errors.As(err, &e)
}
