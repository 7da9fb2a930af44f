package config

import (
	_ "embed" // keys.tsv
	"strings"
	"sync"
)

// keysTSV has a line for each key, sorted by scope and name: scope, name, type, default ("null": none), valid values in Kafka's notation,
// mode (r read-only, b per broker, c cluster-wide, d only dynamic), the broker keys behind a topic key, i for internal,
// use (u used, a accepted without use, x removed from Kafka 4), documentation.
//
//go:embed keys.tsv
var keysTSV string

// Key is one row of the table.
type Key struct {
	Scope    Scope
	Name     string
	Type     Type
	Default  *string // nil: none
	Valid    string  // in Kafka's notation: "[0,...]", "[compact, delete]"; empty: anything of the type
	Mode     Mode
	Server   []serverKey // of a topic key: the broker keys that give its default, the strongest first
	Internal bool        // not shown by DescribeConfigs
	Use      Use
	Doc      string
}

// serverKey is a broker key that gives a topic key's default, perhaps in another unit.
type serverKey struct {
	name   string
	factor int64 // 1, or milliseconds in its unit
}

// Sensitive reports whether the value must not be shown.
func (k *Key) Sensitive() bool { return k.Type == TypePassword }

var scopeNames = [numScopes]string{"broker", "topic", "group", "client-metrics", "user", "client", "ip"}

var typeNames = [...]string{"UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

// String is the type's name as Kafka's messages write it.
func (t Type) String() string { return typeNames[t] }

// table is the parsed keysTSV. Parsing takes a fraction of a millisecond, and only commands that ask for it pay that.
type table struct {
	keys   [numScopes][]*Key // sorted by name
	byName [numScopes]map[string]*Key
}

var keyTable = sync.OnceValue(func() *table {
	t := &table{}
	lines := strings.Count(keysTSV, "\n")
	rows := make([]Key, 0, lines) // one allocation; pointers into it stay good as it never grows
	for line := range strings.Lines(keysTSV) {
		rows = append(rows, parseKey(strings.TrimSuffix(line, "\n")))
		k := &rows[len(rows)-1]
		t.keys[k.Scope] = append(t.keys[k.Scope], k)
	}
	for scope, keys := range t.keys {
		t.byName[scope] = make(map[string]*Key, len(keys))
		for _, k := range keys {
			t.byName[scope][k.Name] = k
		}
	}
	return t
})

func parseKey(line string) Key {
	var f [10]string
	for i := range f {
		f[i], line, _ = strings.Cut(line, "\t")
	}
	k := Key{Name: f[1], Valid: f[4], Internal: f[7] == "i", Doc: f[9]}
	for i, name := range scopeNames {
		if name == f[0] {
			k.Scope = Scope(i)
		}
	}
	for i, name := range typeNames {
		if name == f[2] {
			k.Type = Type(i)
		}
	}
	if f[3] != "null" {
		k.Default = &f[3]
	}
	k.Mode = map[string]Mode{"r": ReadOnly, "b": PerBroker, "c": ClusterWide, "d": DynamicOnly}[f[5]]
	k.Use = map[string]Use{"u": Used, "a": Accepted, "x": Removed}[f[8]]
	if f[6] != "" {
		for name := range strings.SplitSeq(f[6], ",") {
			k.Server = append(k.Server, parseServerKey(name))
		}
	}
	return k
}

func parseServerKey(s string) serverKey {
	name, unit, _ := strings.Cut(s, "(")
	switch unit {
	case "minutes)":
		return serverKey{name, 60_000}
	case "hours)":
		return serverKey{name, 3_600_000}
	}
	return serverKey{name, 1}
}

// Lookup finds a key.
func Lookup(scope Scope, name string) (*Key, bool) {
	k, ok := keyTable().byName[scope][name]
	return k, ok
}

// Keys lists a scope's keys in name order; the caller must not change the slice.
func Keys(scope Scope) []*Key { return keyTable().keys[scope] }
