package commands

import (
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// eventWriter prints the events of the verifiable tools: one JSON object a line, written out at once, because a test harness reads
// them while the tool runs.
type eventWriter struct {
	io *IOStreams

	mu     sync.Mutex
	line   []byte
	failed error // of the first write that failed
}

// event is a JSON object in the making: its members keep the order in which they are added.
type event struct {
	line  []byte
	first bool
}

// print writes the event of a name, with the members that fill adds
func (w *eventWriter) print(name string, fill func(*event)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return
	}
	e := &event{line: append(w.line[:0], '{'), first: true}
	e.int("timestamp", time.Now().UnixMilli())
	e.text("name", name)
	if fill != nil {
		fill(e)
	}
	w.line = append(e.line, '}', '\n')
	if _, w.failed = w.io.Out.Write(w.line); w.failed == nil {
		w.failed = w.io.Flush()
	}
}

// record prints what a record holds.
func (w *eventWriter) record(r *kgo.Record) {
	w.print("record_data", func(e *event) {
		e.bytes("key", r.Key)
		e.bytes("value", r.Value)
		e.text("topic", r.Topic)
		e.int("partition", int64(r.Partition))
		e.int("offset", r.Offset)
	})
}

// err returns the error of the write that failed.
func (w *eventWriter) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (e *event) key(name string) {
	if !e.first {
		e.line = append(e.line, ',')
	}
	e.first = false
	e.line = append(appendJSONString(e.line, name), ':')
}

func (e *event) int(name string, n int64) {
	e.key(name)
	e.line = strconv.AppendInt(e.line, n, 10)
}

func (e *event) double(name string, f float64) {
	e.key(name)
	e.line = append(e.line, javaDouble(f)...)
}

func (e *event) bool(name string, b bool) {
	e.key(name)
	e.line = strconv.AppendBool(e.line, b)
}

func (e *event) text(name, s string) {
	e.key(name)
	e.line = appendJSONString(e.line, s)
}

// bytes adds a record's key or value as text; nil is null.
func (e *event) bytes(name string, b []byte) {
	e.key(name)
	if b == nil {
		e.line = append(e.line, "null"...)
		return
	}
	e.line = appendJSONString(e.line, string(b))
}

// ints adds an array of numbers.
func (e *event) ints(name string, list []int64) {
	e.key(name)
	e.line = append(e.line, '[')
	for i, n := range list {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		e.line = strconv.AppendInt(e.line, n, 10)
	}
	e.line = append(e.line, ']')
}

// list adds an array of n objects.
func (e *event) list(name string, n int, fill func(i int, e *event)) {
	e.key(name)
	e.line = append(e.line, '[')
	for i := range n {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		e.line = append(e.line, '{')
		e.first = true
		fill(i, e)
		e.line = append(e.line, '}')
	}
	e.line = append(e.line, ']')
	e.first = false
}

// appendJSONString quotes a string as Jackson does: only what JSON demands is escaped. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
