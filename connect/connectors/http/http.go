// Package http has a sink that sends records to an HTTP server: in batches, in order, and again when the server is busy.
//
// sink.go is the task, body.go makes the bodies, client.go sends them and knows which failures pass.
package http

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// Plugins returns the connector.
func Plugins() []*connect.Plugin { return []*connect.Plugin{plugin} }

func key(name, kind, importance, doc string, check func(string) error) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: kind, Importance: importance, Doc: doc, Check: check}
}

func defaulted(name, kind, def, importance, doc string, check func(string) error) connect.ConfigKey {
	k := key(name, kind, importance, doc, check)
	k.Default = &def
	return k
}

var plugin = &connect.Plugin{
	Class:     "kgo.connect.http.HttpSinkConnector",
	TaskClass: "kgo.connect.http.HttpSinkTask",
	Kind:      connect.Sink,
	Version:   connect.Version,
	Config: &connect.ConfigDef{Keys: []connect.ConfigKey{
		{Name: "http.url", Type: "STRING", Required: true, Importance: "HIGH", Doc: "Where to send records. ${topic}, ${partition} and ${key} are the record's; batches are then of records with the same address.", Check: checkURL},
		defaulted("http.method", "STRING", "POST", "MEDIUM", "POST, PUT or PATCH.", connect.ExactlyOneOf("POST", "PUT", "PATCH")),
		key("http.content.type", "STRING", "LOW", "The Content-Type header; without it application/json, or text/plain with body.format=raw.", connect.NonEmpty),
		defaulted("http.timeout.ms", "LONG", "30000", "MEDIUM", "How long an answer may take, in milliseconds.", connect.AtLeast(1)),
		defaulted("http.auth", "STRING", "none", "MEDIUM", "none, basic or bearer.", connect.ExactlyOneOf("none", "basic", "bearer")),
		key("http.auth.user", "STRING", "MEDIUM", "The user of http.auth=basic.", nil),
		key("http.auth.password", "PASSWORD", "MEDIUM", "The password of http.auth=basic.", nil),
		key("http.auth.token", "PASSWORD", "MEDIUM", "The token of http.auth=bearer.", nil),
		key("http.tls.ca.file", "STRING", "LOW", "A PEM file with the certificates to trust, instead of the system's.", nil),
		defaulted("batch.size", "INT", "100", "MEDIUM", "The most records in a request.", connect.AtLeast(1)),
		defaulted("batch.max.bytes", "INT", "1048576", "LOW", "The most bytes in a request with more than one record.", connect.AtLeast(1)),
		defaulted("body.format", "STRING", "json", "HIGH", "How a value is written: json, or raw: its text or bytes as they are.", connect.ExactlyOneOf("json", "raw")),
		key("body.template", "STRING", "MEDIUM", "What is sent of each record, with ${value}, ${key}, ${topic}, ${partition}, ${offset} and ${timestamp} in it; without it its value.", connect.NonEmpty),
		key("body.prefix", "STRING", "LOW", "What stands before the records of a body; with body.format=json a [.", nil),
		key("body.separator", "STRING", "LOW", "What stands between the records; with body.format=json a comma, else the end of a line.", nil),
		key("body.suffix", "STRING", "LOW", "What stands after the records; with body.format=json a ].", nil),
		defaulted("null.values", "STRING", "ignore", "LOW", "What to do with records without a value: ignore, fail, or delete: a DELETE of http.url.", connect.ExactlyOneOf("ignore", "fail", "delete")),
		defaulted("max.retries", "INT", "10", "MEDIUM", "How often a request is sent again when the server or the network fails, or says that it is busy.", connect.AtLeast(0)),
		defaulted("retry.backoff.ms", "LONG", "500", "LOW", "The wait before the first retry; it doubles each time. A Retry-After header wins.", connect.AtLeast(1)),
		defaulted("retry.backoff.max.ms", "LONG", "30000", "LOW", "The longest wait between retries.", connect.AtLeast(1)),
	}},
	Validate: validate,
	NewSink:  func() connect.SinkTask { return &sink{} },
}

func checkURL(s string) error {
	u, err := url.Parse(strings.NewReplacer("${topic}", "t", "${partition}", "0", "${key}", "k").Replace(s))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("give http://host/path or https://host/path")
	}
	return nil
}

func validate(c connect.Config) error {
	switch c.Or("http.auth", "none") {
	case "basic":
		if c["http.auth.user"] == "" {
			return errors.New("http.auth=basic needs http.auth.user")
		}
	case "bearer":
		if c["http.auth.token"] == "" {
			return errors.New("http.auth=bearer needs http.auth.token")
		}
	}
	for name := range c {
		if header, ok := strings.CutPrefix(name, headerPrefix); ok && !validHeader(header) {
			return fmt.Errorf("%s: %q is not a header's name", name, header)
		}
	}
	_, err := transport(c)
	return err
}

// headerPrefix begins the names of settings that are headers: http.header.X-Source=kafka.
const headerPrefix = "http.header."

func validHeader(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
