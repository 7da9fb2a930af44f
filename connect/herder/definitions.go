package herder

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
	"github.com/kgo-project/kgo/connect/transforms"
)

func key(name, kind, def, importance, group string, order int, width, display, doc string, check func(string) error) connect.ConfigKey {
	k := connect.ConfigKey{Name: name, Type: kind, Importance: importance, Group: group, Order: order, Width: width, Display: display, Doc: doc, Check: check}
	if def != none {
		k.Default = &def
	}
	return k
}

const none = "\x00" // no default

// commonKeys are the settings of every connector.
func commonKeys(kind connect.Kind, version string) []connect.ConfigKey {
	keys := []connect.ConfigKey{
		key("name", "STRING", none, "HIGH", "Common", 1, "MEDIUM", "Connector name", "The connector's name, unique in the worker.", connectorName),
		key("connector.class", "STRING", none, "HIGH", "Common", 2, "LONG", "Connector class", "The connector's class: its full name, or the short one such as FileStreamSink.", nil),
		key("connector.plugin.version", "STRING", version, "MEDIUM", "Common", 3, "MEDIUM", "Connector version", "The connector's version.", nil),
		key("tasks.max", "INT", "1", "HIGH", "Common", 4, "SHORT", "Tasks max", "The most tasks the connector may have.", connect.AtLeast(1)),
		key("tasks.max.enforce", "BOOLEAN", "true", "LOW", "Common", 5, "SHORT", "Enforce tasks max", "Whether tasks.max is a limit for the connector too.", nil),
	}
	keys[0].Required, keys[1].Required = true, true
	for i, role := range []string{"key", "value", "header"} {
		title := strings.ToUpper(role[:1]) + role[1:]
		class := key(role+".converter", "CLASS", none, "LOW", "Common", 6+2*i, "SHORT", title+" converter class", "The converter of "+role+"s; the worker's if absent.", nil)
		if role == "header" {
			class.Check = isConverter("HeaderConverter", converters.HeaderClasses())
			class.Recommend = converters.HeaderClasses()
		} else {
			class.Check = isConverter("Converter", converters.Classes())
			class.Recommend = converters.Classes()
		}
		class.Resolve = resolveClass
		keys = append(keys, class,
			key(role+".converter.plugin.version", "STRING", none, "LOW", "Common", 7+2*i, "SHORT", title+" converter version", "The "+role+" converter's version.", nil))
	}
	keys = append(
		keys,
		key("transforms", "LIST", "", "LOW", "Transforms", 12, "LONG", "Transforms", "Aliases of the transforms, in the order in which they are applied.", uniqueAliases),
		key("predicates", "LIST", "", "LOW", "Predicates", 13, "LONG", "Predicates", "Aliases of the predicates that transforms use.", uniqueAliases),
		key("config.action.reload", "STRING", "restart", "LOW", "Common", 14, "MEDIUM", "Reload Action", "What follows when a value from a config provider changes.", connect.ExactlyOneOf("none", "restart")),
		key("errors.retry.timeout", "LONG", "0", "MEDIUM", "Error Handling", 1, "MEDIUM", "Retry Timeout for Errors", "How long a failed operation is tried again, in milliseconds; -1 is for ever.", nil),
		key("errors.retry.delay.max.ms", "LONG", "60000", "MEDIUM", "Error Handling", 2, "MEDIUM", "Maximum Delay Between Retries for Errors", "The longest wait between two tries, in milliseconds.", nil),
		key("errors.tolerance", "STRING", "none", "MEDIUM", "Error Handling", 3, "SHORT", "Error Tolerance", "none: a bad record fails the task; all: it is skipped.", connect.ExactlyOneOf("none", "all")),
		key("errors.log.enable", "BOOLEAN", "false", "MEDIUM", "Error Handling", 4, "SHORT", "Log Errors", "Whether tolerated errors are logged.", nil),
		key("errors.log.include.messages", "BOOLEAN", "false", "MEDIUM", "Error Handling", 5, "SHORT", "Log Error Details", "Whether the log tells which record failed.", nil),
	)
	if kind == connect.Source {
		return append(keys, sourceKeys()...)
	}
	return append(keys, sinkKeys()...)
}

func sourceKeys() []connect.ConfigKey {
	boundary := key("transaction.boundary", "STRING", "poll", "MEDIUM", "Exactly Once Support", 3, "SHORT", "Transaction Boundary", "Where a distributed worker's transactions end; a standalone worker has none.", connect.OneOf("INTERVAL", "POLL", "CONNECTOR"))
	boundary.Recommend = []string{}
	return []connect.ConfigKey{
		key("topic.creation.groups", "LIST", "", "LOW", "Topic Creation", 1, "LONG", "Topic Creation Groups", "Groups of topics with settings of their own when the connector creates them.", uniqueAliases),
		key("exactly.once.support", "STRING", "requested", "MEDIUM", "Exactly Once Support", 2, "SHORT", "Exactly once support", "Whether a distributed worker has to write exactly once; a standalone worker does not.", connect.OneOf("REQUIRED", "REQUESTED")),
		boundary,
		key("transaction.boundary.interval.ms", "LONG", none, "LOW", "Exactly Once Support", 4, "SHORT", "Transaction boundary interval", "How long a transaction lasts with transaction.boundary=interval.", connect.AtLeast(0)),
		key("offsets.storage.topic", "STRING", none, "LOW", "offsets.topic", 1, "LONG", "Offsets topic", "The topic in which a distributed worker keeps the connector's offsets.", connect.NonEmpty),
	}
}

func sinkKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		key("topics", "LIST", "", "HIGH", "Common", 4, "LONG", "Topics", "The topics to read, separated by commas.", topicList),
		key("topics.regex", "STRING", "", "HIGH", "Common", 4, "LONG", "Topics regex", "A regular expression for the topics to read, instead of topics.", topicPattern),
		key("errors.deadletterqueue.topic.name", "STRING", "", "MEDIUM", "Error Handling", 6, "MEDIUM", "Dead Letter Queue Topic Name", "The topic that receives the records that failed.", nil),
		key("errors.deadletterqueue.topic.replication.factor", "SHORT", "3", "MEDIUM", "Error Handling", 7, "MEDIUM", "Dead Letter Queue Topic Replication Factor", "The replication factor with which that topic is created.", nil),
		key("errors.deadletterqueue.context.headers.enable", "BOOLEAN", "false", "MEDIUM", "Error Handling", 8, "MEDIUM", "Enable Error Context Headers", "Whether headers tell where a failed record comes from and why it failed.", nil),
	}
}

func connectorName(s string) error {
	if s == "" {
		return errors.New("String may not be empty")
	}
	var controls []string
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			controls = append(controls, strconv.Itoa(int(r)))
		}
	}
	if controls != nil {
		return errors.New("String may not contain control sequences but had the following ASCII chars: " + strings.Join(controls, ", "))
	}
	return nil
}

func uniqueAliases(v string) error {
	list := connect.SplitList(v)
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return errors.New("Duplicate alias provided.")
		}
	}
	return nil
}

func topicList(v string) error {
	if v == "" {
		return nil
	}
	list := strings.Split(v, ",")
	for i, s := range list {
		if s == "" {
			return connect.WholeError("Configuration 'topics' values must not be empty.")
		}
		if slices.Contains(list[:i], s) {
			return connect.WholeError("Configuration 'topics' values must not be duplicated.")
		}
	}
	return nil
}

func topicPattern(v string) error {
	if _, err := regexp.Compile(v); err != nil {
		return errors.New("Invalid regex: " + err.Error())
	}
	return nil
}

// resolveClass finds the full name of a class of any kind.
func resolveClass(name string) (string, bool) {
	if full, ok := converters.Find(name); ok {
		return full, true
	}
	if p := transforms.FindTransform(name); p != nil {
		return p.Class, true
	}
	if p := transforms.FindPredicate(name); p != nil {
		return p.Class, true
	}
	return name, transforms.IsOuter(name)
}

func isConverter(kind string, classes []string) func(string) error {
	return func(class string) error {
		if !slices.Contains(classes, class) {
			return connect.WholeError("Class class " + class + " does not implement the " + kind + " interface")
		}
		return nil
	}
}

// Definitions returns the settings of a connector, its own first; or of a transform, predicate or converter.
func (h *Herder) Definitions(class string) ([]connect.ConfigKey, error) {
	if p, err := h.Find(class); err == nil {
		return append(slices.Clone(p.Config.Keys), commonKeys(p.Kind, p.Version)...), nil
	}
	if p := transforms.FindTransform(class); p != nil {
		return p.Config.Keys, nil
	}
	if p := transforms.FindPredicate(class); p != nil {
		return p.Config.Keys, nil
	}
	if keys, ok := converters.Definitions(class); ok {
		return keys, nil
	}
	return nil, refuse(http.StatusNotFound, "Unknown plugin %s.", class)
}
