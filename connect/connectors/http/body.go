package http

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
)

// body makes the bodies of requests.
type body struct {
	raw                       bool
	template                  string
	prefix, separator, suffix string
	json                      connect.Converter
}

func newBody(c connect.Config) (*body, error) {
	b := &body{raw: c.Or("body.format", "json") == "raw", template: c["body.template"]}
	if b.raw {
		b.prefix, b.separator, b.suffix = c["body.prefix"], c.Or("body.separator", "\n"), c["body.suffix"]
	} else {
		b.prefix, b.separator, b.suffix = c.Or("body.prefix", "["), c.Or("body.separator", ","), c.Or("body.suffix", "]")
	}
	var err error
	b.json, err = converters.New("JsonConverter", connect.Config{"schemas.enable": "false"}, false)
	return b, err
}

// value writes a key or a value.
func (b *body) value(v connect.Value) ([]byte, error) {
	if b.raw {
		if v.Data == nil {
			return nil, nil
		}
		return connect.AppendText(nil, v.Data), nil
	}
	if v.Data == nil {
		return []byte("null"), nil
	}
	return b.json.FromConnect("", v)
}

// record writes what is sent of a record.
func (b *body) record(r *connect.Record) ([]byte, error) {
	value, err := b.value(r.Value)
	if err != nil || b.template == "" {
		return value, err
	}
	key, err := b.value(r.Key)
	if err != nil {
		return nil, err
	}
	topic := r.Topic
	if !b.raw {
		if t, err := b.value(connect.Value{Data: topic}); err == nil {
			topic = string(t)
		}
	}
	return []byte(strings.NewReplacer(
		"${value}", string(value), "${key}", string(key), "${topic}", topic, "${partition}", strconv.Itoa(int(r.Partition)),
		"${offset}", strconv.FormatInt(r.KafkaOffset, 10), "${timestamp}", strconv.FormatInt(r.TimestampMs, 10),
	).Replace(b.template)), nil
}

// join makes a body of records.
func (b *body) join(records [][]byte) []byte {
	out := []byte(b.prefix)
	out = append(out, bytes.Join(records, []byte(b.separator))...)
	return append(out, b.suffix...)
}

// address fills in a record's coordinates.
func address(template string, r *connect.Record) string {
	if !strings.Contains(template, "${") {
		return template
	}
	key := ""
	if r.Key.Data != nil {
		key = connect.Text(r.Key.Data)
	}
	return strings.NewReplacer("${topic}", url.PathEscape(r.Topic), "${partition}", strconv.Itoa(int(r.Partition)), "${key}", url.PathEscape(key)).Replace(template)
}
