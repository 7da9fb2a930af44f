package herder

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
)

// Validation is the answer of config/validate: every setting with its definition, its value and what is wrong with it.
type Validation struct {
	Name       string
	ErrorCount int
	Groups     []string
	Settings   []Setting
}

// Setting is one setting of a validated configuration.
type Setting struct {
	Key    connect.ConfigKey
	Value  *string
	Errors []string
}

func key(name, kind, def, importance, group string, order int, width, display, doc string, check func(string) error) connect.ConfigKey {
	k := connect.ConfigKey{Name: name, Type: kind, Importance: importance, Group: group, Order: order, Width: width, Display: display, Doc: doc, Check: check}
	if def != "-" {
		k.Default = &def
	}
	return k
}

// commonKeys are the settings of every connector.
func commonKeys(kind connect.Kind, version string) []connect.ConfigKey {
	name := key("name", "STRING", "-", "HIGH", "Common", 1, "MEDIUM", "Connector name", "The connector's name, unique in the worker.", nil)
	class := key("connector.class", "STRING", "-", "HIGH", "Common", 2, "LONG", "Connector class", "The connector's class: its full name, or the short one such as FileStreamSink.", nil)
	name.Required, class.Required = true, true
	keys := []connect.ConfigKey{
		name, class,
		key("connector.plugin.version", "STRING", version, "MEDIUM", "Common", 3, "MEDIUM", "Connector version", "The connector's version.", nil),
		key("tasks.max", "INT", "1", "HIGH", "Common", 4, "SHORT", "Tasks max", "The most tasks the connector may have.", connect.AtLeast(1)),
		key("tasks.max.enforce", "BOOLEAN", "true", "LOW", "Common", 5, "SHORT", "Enforce tasks max", "Whether tasks.max is a limit for the connector too.", nil),
		key("key.converter", "CLASS", "-", "LOW", "Common", 6, "SHORT", "Key converter class", "The converter of keys; the worker's if absent.", checkConverter),
		key("key.converter.plugin.version", "STRING", "-", "LOW", "Common", 7, "SHORT", "Key converter version", "The key converter's version.", nil),
		key("value.converter", "CLASS", "-", "LOW", "Common", 8, "SHORT", "Value converter class", "The converter of values; the worker's if absent.", checkConverter),
		key("value.converter.plugin.version", "STRING", "-", "LOW", "Common", 9, "SHORT", "Value converter version", "The value converter's version.", nil),
		key("header.converter", "CLASS", "-", "LOW", "Common", 10, "SHORT", "Header converter class", "The converter of headers; the worker's if absent.", checkConverter),
		key("header.converter.plugin.version", "STRING", "-", "LOW", "Common", 11, "SHORT", "Header converter version", "The header converter's version.", nil),
		key("transforms", "LIST", "", "LOW", "Transforms", 12, "LONG", "Transforms", "Aliases of the transforms, in the order in which they are applied.", nil),
		key("predicates", "LIST", "", "LOW", "Predicates", 13, "LONG", "Predicates", "Aliases of the predicates that transforms use.", nil),
		key("config.action.reload", "STRING", "restart", "LOW", "Common", 14, "MEDIUM", "Reload Action", "What follows when a value from a config provider changes.", connect.OneOf("none", "restart")),
		key("errors.retry.timeout", "LONG", "0", "MEDIUM", "Error Handling", 1, "MEDIUM", "Retry Timeout for Errors", "How long a failed operation is tried again, in milliseconds; -1 is for ever.", connect.AtLeast(-1)),
		key("errors.retry.delay.max.ms", "LONG", "60000", "MEDIUM", "Error Handling", 2, "MEDIUM", "Maximum Delay Between Retries for Errors", "The longest wait between two tries, in milliseconds.", connect.AtLeast(1)),
		key("errors.tolerance", "STRING", "none", "MEDIUM", "Error Handling", 3, "SHORT", "Error Tolerance", "none: a bad record fails the task; all: it is skipped.", connect.OneOf("none", "all")),
		key("errors.log.enable", "BOOLEAN", "false", "MEDIUM", "Error Handling", 4, "SHORT", "Log Errors", "Whether tolerated errors are logged.", nil),
		key("errors.log.include.messages", "BOOLEAN", "false", "MEDIUM", "Error Handling", 5, "SHORT", "Log Error Details", "Whether the log tells which record failed.", nil),
	}
	if kind == connect.Source {
		return keys
	}
	return append(keys,
		key("topics", "LIST", "", "HIGH", "Common", 4, "LONG", "Topics", "The topics to read, separated by commas.", nil),
		key("topics.regex", "STRING", "", "HIGH", "Common", 4, "LONG", "Topics regex", "A regular expression for the topics to read, instead of topics.", nil),
		key("errors.deadletterqueue.topic.name", "STRING", "", "MEDIUM", "Error Handling", 6, "MEDIUM", "Dead Letter Queue Topic Name", "The topic that receives the records that failed.", nil),
		key("errors.deadletterqueue.topic.replication.factor", "INT", "3", "MEDIUM", "Error Handling", 7, "MEDIUM", "Dead Letter Queue Topic Replication Factor", "The replication factor with which that topic is created.", connect.AtLeast(1)),
		key("errors.deadletterqueue.context.headers.enable", "BOOLEAN", "false", "MEDIUM", "Error Handling", 8, "MEDIUM", "Enable Error Context Headers", "Whether headers tell where a failed record comes from and why it failed.", nil),
	)
}

func checkConverter(class string) error {
	if _, ok := converters.Find(class); !ok {
		return errors.New("Class " + class + " could not be found.")
	}
	return nil
}

// Definitions returns a connector's settings, its own first.
func Definitions(p *connect.Plugin) []connect.ConfigKey {
	return append(slices.Clone(p.Config.Keys), commonKeys(p.Kind, p.Version)...)
}

// Validate checks a connector's configuration. The error is for one whose connector is not known.
func (h *Herder) Validate(config connect.Config) (*Validation, error) {
	class, ok := config["connector.class"]
	if !ok {
		return nil, refuse(http.StatusBadRequest, "Connector config %s contains no connector type", connect.Text(textMap(config)))
	}
	plugin, err := h.Find(class)
	if err != nil {
		return nil, err
	}
	v := &Validation{Name: class}
	for _, k := range append(commonKeys(plugin.Kind, plugin.Version), plugin.Config.Keys...) {
		s := Setting{Key: k, Value: k.Default, Errors: k.Errors(config)}
		if text, ok := config[k.Name]; ok {
			s.Value = &text
		} else if fallback, ok := h.worker.Config[k.Name]; ok && strings.HasSuffix(k.Name, ".converter") {
			s.Value = &fallback
		}
		if k.Group != "" && !slices.Contains(v.Groups, k.Group) {
			v.Groups = append(v.Groups, k.Group)
		}
		v.Settings = append(v.Settings, s)
	}
	if plugin.Kind == connect.Sink {
		v.checkTopics(config)
	}
	if _, err := h.worker.Transforms(config); err != nil {
		v.complain("transforms", err.Error())
	}
	for _, s := range v.Settings {
		v.ErrorCount += len(s.Errors)
	}
	if plugin.Validate != nil && v.ErrorCount == 0 {
		if err := plugin.Validate(config); err != nil {
			v.complain(plugin.Config.Keys[0].Name, err.Error())
			v.ErrorCount++
		}
	}
	return v, nil
}

func (v *Validation) complain(name, text string) {
	for i := range v.Settings {
		if v.Settings[i].Key.Name == name {
			v.Settings[i].Errors = append(v.Settings[i].Errors, text)
		}
	}
}

func (v *Validation) checkTopics(config connect.Config) {
	topics, regex := len(config.List("topics")) > 0, strings.TrimSpace(config["topics.regex"]) != ""
	var text string
	switch {
	case topics && regex:
		text = "topics and topics.regex are mutually exclusive options, but both are set."
	case !topics && !regex:
		text = "Must configure one of topics or topics.regex"
	case slices.Contains(config.List("topics"), config["errors.deadletterqueue.topic.name"]):
		v.complain("topics", "The DLQ topic '"+config["errors.deadletterqueue.topic.name"]+"' may not be included in the list of topics (\"topics="+config["topics"]+"\") consumed by the connector")
		return
	default:
		return
	}
	v.complain("topics", text)
	v.complain("topics.regex", text)
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
