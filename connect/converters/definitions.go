package converters

import (
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// HeaderClasses returns the class names of the converters that headers may have.
func HeaderClasses() []string { return slices.Clone(classNames) }

// Definitions returns the settings of a converter.
func Definitions(name string) ([]connect.ConfigKey, bool) {
	class, ok := Find(name)
	if !ok {
		return nil, false
	}
	kind := connect.ConfigKey{Name: "converter.type", Type: "STRING", Required: true, Importance: "LOW", Doc: "What is converted: key, value or header.", Check: connect.ExactlyOneOf("key", "value", "header")}
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "JsonConverter":
		key := func(name, kind, importance, group string, order int, display, doc string) connect.ConfigKey {
			return connect.ConfigKey{Name: name, Type: kind, Importance: importance, Group: group, Order: order, Width: "MEDIUM", Display: display, Doc: doc}
		}
		keys := []connect.ConfigKey{
			kind,
			key("schemas.enable", "BOOLEAN", "HIGH", "Schemas", 0, "Enable Schemas", "Whether each document has its schema beside its payload."),
			key("schemas.cache.size", "INT", "HIGH", "Schemas", 1, "Schema Cache Size", "Accepted without use: the last schema is remembered."),
			key("schema.content", "STRING", "HIGH", "Schemas", 2, "Schema Content", "The schema of all documents, which then have none of their own."),
			key("decimal.format", "STRING", "LOW", "Serialization", 0, "Decimal Format", "BASE64 or NUMERIC: how decimals are written."),
			key("replace.null.with.default", "BOOLEAN", "LOW", "Serialization", 1, "Replace null with default", "Whether a null is written and read as its field's default value."),
		}
		keys[1].Default, keys[2].Default, keys[4].Default, keys[5].Default = new("true"), new("1000"), new("BASE64"), new("true")
		keys[4].Check = connect.OneOf("NUMERIC", "BASE64")
		return keys, true
	case "StringConverter":
		return []connect.ConfigKey{
			kind,
			{Name: "converter.encoding", Type: "STRING", Default: new("UTF-8"), Importance: "HIGH", Order: -1, Width: "MEDIUM", Display: "Encoding", Doc: "The character set; UTF-8 is the only one."},
		}, true
	case "SimpleHeaderConverter":
		return []connect.ConfigKey{}, true
	}
	return []connect.ConfigKey{kind}, true
}
