package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Entry is one row of a DescribeConfigs response.
type Entry struct {
	Name      string
	Value     *string // nil: null, or sensitive
	Source    Source
	Type      Type
	ReadOnly  bool
	Sensitive bool
	Doc       string
	Synonyms  []Synonym // from the strongest layer to the default
}

// Synonym is one layer's value for an Entry.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// DescribeTopic lists a topic's configuration, in name order; own is the topic's dynamic config.
func (l *Layers) DescribeTopic(own map[string]string) []Entry {
	r := topicReader{own: own, broker: l.effective()}
	var out []Entry
	for _, k := range Keys(ScopeTopic) {
		if k.Internal {
			continue
		}
		var synonyms []Synonym
		if value, ok := own[k.Name]; ok {
			synonyms = append(synonyms, Synonym{k.Name, &value, SourceDynamicTopic})
		}
		if len(k.Server) > 0 {
			synonyms = append(synonyms, l.brokerSynonyms(k.Server[0].name, serverNames(k))...)
		}
		value := r.text(k.Name)
		out = append(out, k.entry(&value, synonyms, false))
	}
	return out
}

func serverNames(k *Key) []string {
	names := make([]string, len(k.Server))
	for i, s := range k.Server {
		names[i] = s.name
	}
	return names
}

// DescribeBroker lists this broker's configuration, in name order.
func (l *Layers) DescribeBroker() []Entry {
	v := l.effective()
	var out []Entry
	for _, k := range Keys(ScopeBroker) {
		_, set := v[k.Name]
		if k.Internal || k.Use == Removed && !set || k.Mode == DynamicOnly && !set {
			continue
		}
		var value *string
		if text, ok := v.text(k.Name); ok {
			value = &text
		}
		out = append(out, k.entry(value, l.brokerSynonyms(k.Name, brokerFamily(k.Name)), k.Mode == ReadOnly))
	}
	for _, name := range sortedKeys(l.ThisBroker) {
		if _, ok := lookupBroker(name); !ok {
			out = append(out, unknownEntry(name, SourceDynamicBroker))
		}
	}
	for _, name := range sortedKeys(l.ClusterWide) {
		_, known := lookupBroker(name)
		if _, own := l.ThisBroker[name]; !known && !own {
			out = append(out, unknownEntry(name, SourceDynamicDefaultBroker))
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// DescribeClusterWide lists the dynamic default config of all brokers (entity name ""): only what is set.
func (l *Layers) DescribeClusterWide() []Entry {
	var out []Entry
	for _, name := range sortedKeys(l.ClusterWide) {
		k, ok := lookupBroker(name)
		value := l.ClusterWide[name]
		if !ok {
			out = append(out, unknownEntry(name, SourceDynamicDefaultBroker))
			continue
		}
		e := k.entry(&value, []Synonym{{Name: name, Value: &value, Source: SourceDynamicDefaultBroker}}, false)
		e.Name = name
		if e.Sensitive {
			e.Synonyms[0].Value = nil
		}
		out = append(out, e)
	}
	return out
}

// unknownEntry describes a dynamic key that nobody knows: it may be a secret of a plug-in's.
func unknownEntry(name string, source Source) Entry {
	return Entry{Name: name, Source: source, Type: TypeUnknown, ReadOnly: true, Sensitive: true, Synonyms: []Synonym{{Name: name, Source: source}}}
}

// DescribeGroup lists a group's configuration; own is the group's dynamic config. A group's default is the broker's "group."-prefixed key of the
// same name, where there is one.
func (l *Layers) DescribeGroup(own map[string]string) []Entry {
	v := l.effective()
	var out []Entry
	for _, k := range Keys(ScopeGroup) {
		var synonyms []Synonym
		value := ""
		if k.Default != nil {
			value = *k.Default
		}
		broker := "group." + k.Name
		if _, ok := Lookup(ScopeBroker, broker); ok {
			value, _ = v.text(broker)
			synonyms = l.brokerSynonyms(broker, []string{broker})
		} else {
			synonyms = []Synonym{{k.Name, &value, SourceDefault}}
		}
		if o, ok := own[k.Name]; ok {
			value = o
			synonyms = append([]Synonym{{k.Name, &o, SourceGroup}}, synonyms...)
		}
		shown := value
		out = append(out, k.entry(&shown, synonyms, false))
	}
	return out
}

// DescribeClientMetrics lists a client-metrics subscription: every key, with its default where it isn't set.
func DescribeClientMetrics(own map[string]string) []Entry {
	var out []Entry
	for _, k := range Keys(ScopeClientMetrics) {
		value, source := "", SourceDefault
		if k.Default != nil {
			value = *k.Default
		}
		if o, ok := own[k.Name]; ok {
			value, source = o, SourceClientMetrics
		}
		var synonyms []Synonym
		if source != SourceDefault {
			synonyms = []Synonym{{k.Name, &value, source}}
		}
		out = append(out, k.entry(&value, synonyms, false))
	}
	return out
}

// entry makes a row; its source is that of the strongest synonym.
func (k *Key) entry(value *string, synonyms []Synonym, readOnly bool) Entry {
	e := Entry{Name: k.Name, Value: value, Source: SourceDefault, Type: k.Type, ReadOnly: readOnly, Sensitive: k.Sensitive(), Doc: k.Doc, Synonyms: synonyms}
	if len(synonyms) > 0 {
		e.Source = synonyms[0].Source
	}
	if value != nil && k.Type == TypeDouble {
		if v, err := strconv.ParseFloat(*value, 64); err == nil {
			text := javaDouble(v)
			e.Value = &text
		}
	}
	if e.Sensitive {
		e.Value = nil
	}
	return e
}

// families are the broker keys that say the same in different units, the strongest first.
var families = [][]string{
	{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
	{"log.roll.ms", "log.roll.hours"},
	{"log.roll.jitter.ms", "log.roll.jitter.hours"},
	{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
}

func brokerFamily(name string) []string {
	for _, f := range families {
		if slices.Contains(f, name) {
			return f
		}
	}
	return []string{name}
}

// brokerSynonyms lists the values of a broker key's family by layer. What stands before the key's own first value is left out, as it is
// another key's.
func (l *Layers) brokerSynonyms(name string, family []string) []Synonym {
	var all []Synonym
	add := func(source Source, value func(name string) (string, bool)) {
		for _, n := range family {
			if v, ok := value(n); ok {
				s := Synonym{Name: n, Source: source, Value: &v}
				if k, known := lookupBroker(n); known && k.Sensitive() {
					s.Value = nil
				}
				all = append(all, s)
			}
		}
	}
	layer := func(m map[string]string) func(string) (string, bool) {
		return func(n string) (string, bool) { v, ok := m[n]; return v, ok }
	}
	add(SourceDynamicBroker, layer(l.ThisBroker))
	add(SourceDynamicDefaultBroker, layer(l.ClusterWide))
	add(SourceStaticBroker, func(n string) (string, bool) {
		s, ok := l.static(n)
		return strings.TrimSpace(s.Value), ok
	})
	add(SourceDefault, func(n string) (string, bool) {
		k, ok := Lookup(ScopeBroker, n)
		if !ok || k.Default == nil {
			return "", false
		}
		return *k.Default, true
	})
	first := slices.IndexFunc(all, func(s Synonym) bool { return s.Name == name })
	if first < 0 {
		return nil
	}
	return all[first:]
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
