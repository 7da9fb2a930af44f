package herder

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
	"github.com/kgo-project/kgo/connect/transforms"
)

// Validation is the answer of config/validate: every setting with its definition, its value and what is wrong with it.
type Validation struct {
	Name       string
	ErrorCount int
	Groups     []string
	Settings   []Setting

	config connect.Config
}

// Setting is one setting of a validated configuration.
type Setting struct {
	Key    connect.ConfigKey
	NoKey  bool // the setting has no definition, only a value
	Hidden bool
	Value  *string
	Errors []string
}

// add evaluates settings whose names have a prefix; group is theirs if they have none.
func (v *Validation) add(prefix, group string, keys ...connect.ConfigKey) {
	for _, k := range keys {
		s := Setting{Key: k}
		s.Value, s.Errors = k.Evaluate(prefix, v.config)
		s.Key.Name = prefix + k.Name
		if k.Display == "" {
			s.Key.Display = k.Name
		}
		if group != "" {
			s.Key.Group = group
		}
		if s.Key.Group != "" && !slices.Contains(v.Groups, s.Key.Group) {
			v.Groups = append(v.Groups, s.Key.Group)
		}
		v.Settings = append(v.Settings, s)
	}
}

func (v *Validation) setting(name string) *Setting {
	for i := range v.Settings {
		if v.Settings[i].Key.Name == name {
			return &v.Settings[i]
		}
	}
	return &Setting{}
}

func (v *Validation) complain(name, text string) {
	s := v.setting(name)
	s.Errors = append(s.Errors, text)
}

// ValidateNullable is Validate for a configuration in which values may be null.
func (h *Herder) ValidateNullable(config map[string]*string) (*Validation, error) {
	given := connect.Config{}
	var nulls []string
	for name, value := range config {
		if value == nil {
			nulls = append(nulls, name)
		} else {
			given[name] = *value
		}
	}
	v, err := h.Validate(given)
	if err != nil {
		return nil, err
	}
	for _, name := range nulls {
		s := v.setting(name)
		s.Value, s.Errors = nil, []string{"Null value can not be supplied as the configuration value."}
	}
	v.count()
	return v, nil
}

// Validate checks a connector's configuration. The error is for one whose connector is not known.
func (h *Herder) Validate(config connect.Config) (*Validation, error) {
	config, err := h.worker.Resolve(config)
	if err != nil {
		return nil, err
	}
	class, ok := config["connector.class"]
	if !ok {
		return nil, refuse(http.StatusBadRequest, "Connector config %s contains no connector type", connect.Text(textMap(config)))
	}
	plugin, err := h.Find(class)
	if err != nil {
		return nil, err
	}
	if err := h.checkOverrideValues(config); err != nil {
		return nil, err
	}
	v := &Validation{Name: class, config: config}
	v.add("", "", h.withWorkersConverters(commonKeys(plugin.Kind, plugin.Version))...)
	v.pluginVersions(plugin)
	for _, list := range []string{"transforms", "predicates"} {
		aliases := config.List(list)
		for i, alias := range aliases {
			if !slices.Contains(aliases[:i], alias) {
				v.chainLink(list, alias)
			}
		}
	}
	v.add("", "", plugin.Config.Keys...)
	v.overrides(config, h.worker.OverridePolicy())
	v.converters()
	if plugin.Kind == connect.Sink {
		v.checkTopics(config)
	}
	v.count()
	if plugin.Validate != nil && v.ErrorCount == 0 {
		if err := plugin.Validate(config); err != nil {
			v.complain(first(plugin.Config.Keys), err.Error())
		}
	}
	v.count()
	if v.ErrorCount == 0 {
		if _, err := transforms.Chain(config); err != nil { // what only a transform itself can tell
			v.complain("transforms", err.Error())
		}
	}
	v.count()
	return v, nil
}

func first(keys []connect.ConfigKey) string {
	if len(keys) == 0 {
		return "name"
	}
	return keys[0].Name
}

func (v *Validation) count() {
	v.ErrorCount = 0
	for _, s := range v.Settings {
		v.ErrorCount += len(s.Errors)
	}
}

// withWorkersConverters makes the worker's converters the defaults.
func (h *Herder) withWorkersConverters(keys []connect.ConfigKey) []connect.ConfigKey {
	for i, k := range keys {
		if !strings.HasSuffix(k.Name, ".converter") {
			continue
		}
		class := h.worker.Config.Or(k.Name, "org.apache.kafka.connect.storage.SimpleHeaderConverter")
		if full, ok := converters.Find(class); ok {
			class = full
		}
		keys[i].Default = &class
	}
	return keys
}

// pluginVersions fills in the versions of the connector and of its converters: there is one of each.
func (v *Validation) pluginVersions(plugin *connect.Plugin) {
	for _, role := range []string{"connector", "key.converter", "value.converter", "header.converter"} {
		version := connect.Version
		if role == "connector" {
			version = plugin.Version
		} else if s := v.setting(role); s.Value == nil {
			v.setting(role + ".plugin.version").Hidden = true
			continue
		}
		s := v.setting(role + ".plugin.version")
		s.Key.Default, s.Key.Recommend = &version, []string{version}
		if s.Value == nil {
			s.Value = &version
		}
		if role == "connector" && *s.Value != version {
			text := fmt.Sprintf("Plugin %s not found that matches the version range [%[2]s,%[2]s], available versions: [%[3]s]", plugin.Class, *s.Value, version)
			v.complain("connector.class", text)
			s.Errors = append(s.Errors, text)
		}
	}
}

// chainLink adds the settings of one transform or predicate.
func (v *Validation) chainLink(list, alias string) {
	prefix := list + "." + alias + "."
	title, kind, plugins := "Transformation", "Transformation", transforms.Transforms()
	find := transforms.FindTransform
	group := "Transforms: " + alias
	if list == "predicates" {
		title, kind, plugins, find, group = "Predicate", "Predicate", transforms.Predicates(), transforms.FindPredicate, "Predicates: "+alias
	}
	class := key("type", "CLASS", none, "HIGH", "", 0, "LONG", title+" type for "+alias, "The class of the "+strings.ToLower(title)+" '"+alias+"'.", nil)
	class.Required, class.Resolve = true, resolveClass
	for _, p := range plugins {
		class.Recommend = append(class.Recommend, p.Class)
	}
	class.Check = func(name string) error {
		if inner := transforms.Inner(name); len(inner) > 0 {
			return connect.WholeError("This class is abstract and cannot be created. Did you mean " + strings.Join(inner, ", ") + "?")
		}
		if find(name) == nil {
			return connect.WholeError("Class class " + name + " does not implement the " + kind + " interface")
		}
		return nil
	}
	version := key("plugin.version", "STRING", none, "HIGH", "", 1, "LONG", title+" version for "+alias, "The version of the "+strings.ToLower(title)+" '"+alias+"'.", nil)
	v.add(prefix, group, class)
	s := v.setting(prefix + "type")
	if s.Value == nil || len(s.Errors) > 0 {
		v.add(prefix, group, version)
		return
	}
	plugin := find(*s.Value)
	version.Default, version.Recommend = new(connect.Version), []string{connect.Version}
	v.add(prefix, group, version)
	keys := slices.Clone(plugin.Config.Keys)
	if list == "transforms" {
		keys = append(keys,
			key("predicate", "STRING", none, "MEDIUM", "", 0, "", "", "The alias of the predicate that chooses the records to transform.", nil),
			key("negate", "BOOLEAN", "false", "MEDIUM", "", 0, "", "", "Whether the transform is for the records that its predicate is false of.", nil))
	}
	order := 2
	slices.SortFunc(keys, func(a, b connect.ConfigKey) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Name, b.Name))
	})
	for _, k := range keys {
		k.Order, k.Width, k.Display = order, "NONE", k.Name
		v.add(prefix, group, k)
		order++
	}
	if list == "predicates" {
		return
	}
	if _, ok := v.config[prefix+"predicate"]; !ok && v.config[prefix+"negate"] != "" {
		v.complain(prefix+"type", fmt.Sprintf("Config '%[1]snegate' was provided but there is no config '%[1]spredicate' defining a predicate to be negated.", prefix))
	}
}

// converters adds the settings of the connector's own converters.
func (v *Validation) converters() {
	for _, role := range []string{"header", "key", "value"} {
		class, ok := v.config[role+".converter"]
		if !ok {
			continue
		}
		keys, ok := converters.Definitions(class)
		if !ok {
			continue
		}
		prefix := role + ".converter."
		own := &Validation{config: v.config.Prefixed(prefix), Groups: v.Groups}
		own.add("", "", inHashOrder(keys)...)
		v.Groups = own.Groups
		for _, s := range own.Settings {
			s.Key.Name = prefix + s.Key.Name
			v.Settings = append(v.Settings, s)
			if s := v.setting(prefix + "converter.type"); s.Value == nil && len(s.Errors) > 0 {
				s.Value, s.Errors = new(role), nil
			}
		}
	}
}

// rank sorts the settings of a transform: those that are required first, then by importance.
func rank(k connect.ConfigKey) int {
	n := slices.Index([]string{"HIGH", "MEDIUM", "LOW"}, k.Importance)
	if !k.Required {
		n += 3
	}
	return n
}

// inHashOrder sorts settings as Java's HashMap does.
func inHashOrder(keys []connect.ConfigKey) []connect.ConfigKey {
	byName := connect.NewMap()
	for _, k := range keys {
		byName.Set(k.Name, k)
	}
	out := make([]connect.ConfigKey, 0, len(keys))
	for _, k := range byName.All {
		out = append(out, k.(connect.ConfigKey))
	}
	return out
}

func (v *Validation) checkTopics(config connect.Config) {
	topics, regex := config.List("topics"), strings.TrimSpace(config["topics.regex"])
	queue := config["errors.deadletterqueue.topic.name"]
	if len(v.setting("topics").Errors)+len(v.setting("topics.regex").Errors) > 0 {
		return
	}
	both := func(text string) {
		v.complain("topics", text)
		v.complain("topics.regex", text)
	}
	switch {
	case len(topics) > 0 && regex != "":
		both("topics and topics.regex are mutually exclusive options, but both are set.")
	case len(topics) == 0 && regex == "":
		both("Must configure one of topics or topics.regex")
	case queue == "":
	case slices.Contains(topics, queue):
		v.complain("topics", fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector", queue, strings.Join(topics, ", ")))
	case regex != "":
		if re, err := regexp.Compile("^(?:" + regex + ")$"); err == nil && re.MatchString(queue) {
			v.complain("topics.regex", fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector", queue, regex))
		}
	}
}

func (v *Validation) refusal() error {
	var lines []string
	for _, s := range v.Settings {
		lines = append(lines, s.Errors...)
	}
	return refuse(http.StatusBadRequest, "Connector configuration is invalid and contains the following %d error(s):\n%s\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`", v.ErrorCount, strings.Join(lines, "\n"))
}

func textMap(config connect.Config) *connect.Map {
	m := connect.NewMap()
	for k, v := range config {
		m.Set(k, v)
	}
	return m
}
