package commands

import (
	"io"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A messageFormatter prints consumed records, as Kafka's MessageFormatter classes do.
type messageFormatter interface {
	write(w io.Writer, r *kgo.Record) error
}

// newFormatter makes the formatter of a class name; only the last part of it counts.
func newFormatter(class string, props map[string]string) (messageFormatter, error) {
	if !strings.HasPrefix(class, "org.apache.kafka.tools.consumer.") {
		return nil, unknownClassError(class)
	}
	switch strings.TrimPrefix(class, "org.apache.kafka.tools.consumer.") {
	case "DefaultMessageFormatter":
		return newDefaultFormatter(props)
	case "LoggingMessageFormatter":
		f, err := newDefaultFormatter(props)
		return loggingFormatter{f}, err
	case "NoOpMessageFormatter":
		return noOpFormatter{}, nil
	}
	if schemas := coordinatorFormatters[strings.TrimPrefix(class, "org.apache.kafka.tools.consumer.")]; schemas != nil {
		return &coordinatorFormatter{schemas: schemas}, nil
	}
	return nil, unknownClassError(class)
}

// unknownClassError names a Java class that has no counterpart here.
type unknownClassError string

func (e unknownClassError) Error() string { return string(e) }

// defaultFormatter prints the fields that were asked for, between separators.
type defaultFormatter struct {
	timestamp, partition, offset, delivery, epoch, headers, key, value bool

	keySeparator, lineSeparator, headersSeparator, null string
	keyOf, valueOf, headerOf                            deserializer

	line []byte // of the record being printed: reused
}

func newDefaultFormatter(props map[string]string) (*defaultFormatter, error) {
	is := func(key string) bool { return strings.EqualFold(strings.TrimSpace(props[key]), "true") }
	text := func(key, otherwise string) string {
		if v, ok := props[key]; ok {
			return v
		}
		return otherwise
	}
	f := &defaultFormatter{
		timestamp: is("print.timestamp"), partition: is("print.partition"), offset: is("print.offset"), delivery: is("print.delivery"),
		epoch: is("print.epoch"), headers: is("print.headers"), key: is("print.key"), value: true,
		keySeparator: text("key.separator", "\t"), lineSeparator: text("line.separator", "\n"), headersSeparator: text("headers.separator", ","),
		null: text("null.literal", "null"),
	}
	if _, ok := props["print.value"]; ok {
		f.value = is("print.value")
	}
	var err error
	for _, d := range []struct {
		to  *deserializer
		key string
	}{{&f.keyOf, "key.deserializer"}, {&f.valueOf, "value.deserializer"}, {&f.headerOf, "headers.deserializer"}} {
		if *d.to, err = newDeserializer(props[d.key]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *defaultFormatter) write(w io.Writer, r *kgo.Record) error {
	line := f.line[:0]
	field := func(s string) {
		line = append(append(line, s...), f.keySeparator...)
	}
	if f.timestamp {
		switch r.Attrs.TimestampType() {
		case 0:
			field("CreateTime:" + strconv.FormatInt(r.Timestamp.UnixMilli(), 10))
		case 1:
			field("LogAppendTime:" + strconv.FormatInt(r.Timestamp.UnixMilli(), 10))
		default:
			field("NO_TIMESTAMP")
		}
	}
	if f.partition {
		field("Partition:" + strconv.Itoa(int(r.Partition)))
	}
	if f.offset {
		field("Offset:" + strconv.FormatInt(r.Offset, 10))
	}
	if f.delivery {
		if n := r.DeliveryCount(); n > 0 {
			field("Delivery:" + strconv.Itoa(int(n)))
		} else {
			field("Delivery:NOT_PRESENT")
		}
	}
	if f.epoch {
		field("Epoch:NOT_PRESENT") // the original drops the epoch before it formats
	}
	var err error
	if f.headers {
		if line, err = f.appendHeaders(line, r); err != nil {
			return err
		}
		line = append(line, f.keySeparator...)
	}
	if f.key {
		if line, err = f.appendBytes(line, r.Key, f.keyOf); err != nil {
			return err
		}
		if f.value {
			line = append(line, f.keySeparator...)
		} else {
			line = append(line, f.lineSeparator...)
		}
	}
	if f.value {
		if line, err = f.appendBytes(line, r.Value, f.valueOf); err != nil {
			return err
		}
		line = append(line, f.lineSeparator...)
	} else if !f.key && len(line) > 0 { // the last field is followed by the line's end, not by a separator
		line = append(line[:len(line)-len(f.keySeparator)], f.lineSeparator...)
	}
	f.line = line
	_, err = w.Write(line)
	return err
}

func (f *defaultFormatter) appendHeaders(line []byte, r *kgo.Record) ([]byte, error) {
	if len(r.Headers) == 0 {
		return append(line, "NO_HEADERS"...), nil
	}
	var err error
	for i, h := range r.Headers {
		if i > 0 {
			line = append(line, f.headersSeparator...)
		}
		line = append(append(line, h.Key...), ':')
		if line, err = f.appendBytes(line, h.Value, f.headerOf); err != nil {
			return line, err
		}
	}
	return line, nil
}

func (f *defaultFormatter) appendBytes(line, b []byte, d deserializer) ([]byte, error) {
	switch {
	case b == nil:
		return append(line, f.null...), nil
	case d == nil:
		return append(line, b...), nil
	}
	text, err := d(b)
	return append(line, text...), err
}

// loggingFormatter prints like the default one and logs as well; the original logs at a level that its scripts don't show.
type loggingFormatter struct{ messageFormatter }

// noOpFormatter prints nothing.
type noOpFormatter struct{}

func (noOpFormatter) write(io.Writer, *kgo.Record) error { return nil }
