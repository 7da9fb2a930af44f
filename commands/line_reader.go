package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lineReader turns lines into records: Kafka's LineMessageReader.
//
//	[headers TAB][key SEPARATOR]value
//
// It reads in large chunks, and records point into them, so that a line costs neither a copy nor an allocation of its own.
type lineReader struct {
	src  io.Reader
	prop lineProperties

	chunk   []byte // what was read; records hold on to it
	from    int    // start of the line being looked for
	err     error  // of src
	lines   int
	records []kgo.Record // a slab: one allocation for many records
}

// lineProperties are the reader's properties.
type lineProperties struct {
	parseKey, parseHeaders, ignoreError bool
	keySeparator, headersDelimiter      []byte
	headersSeparator                    *regexp.Regexp
	headerKeySeparator                  []byte
	nullMarker                          []byte // nil: nothing is null
}

const (
	lineChunkBytes = 1 << 20
	recordSlab     = 1024
)

func newLineReader(src io.Reader, props map[string]string) (*lineReader, error) {
	get := func(key, otherwise string) string {
		if v, ok := props[key]; ok {
			return v
		}
		return otherwise
	}
	isTrue := func(key string) bool { return strings.EqualFold(strings.TrimSpace(props[key]), "true") }
	p := lineProperties{
		parseKey: isTrue("parse.key"), parseHeaders: isTrue("parse.headers"), ignoreError: isTrue("ignore.error"),
		keySeparator: []byte(get("key.separator", "\t")), headersDelimiter: []byte(get("headers.delimiter", "\t")),
		headerKeySeparator: []byte(get("headers.key.separator", ":")),
	}
	separator := get("headers.separator", ",")
	if v, ok := props["null.marker"]; ok {
		p.nullMarker = []byte(v)
	}
	for _, pair := range [][4]string{
		{"headers.delimiter", string(p.headersDelimiter), "headers.separator", separator},
		{"headers.delimiter", string(p.headersDelimiter), "headers.key.separator", string(p.headerKeySeparator)},
		{"headers.separator", separator, "headers.key.separator", string(p.headerKeySeparator)},
	} {
		if pair[1] == pair[3] {
			return nil, fmt.Errorf("%s and %s may not be equal", pair[0], pair[2])
		}
	}
	if p.nullMarker != nil {
		for _, s := range [][2]string{
			{"key.separator", string(p.keySeparator)},
			{"headers.separator", separator},
			{"headers.delimiter", string(p.headersDelimiter)},
			{"headers.key.separator", string(p.headerKeySeparator)},
		} {
			if s[1] == string(p.nullMarker) {
				return nil, fmt.Errorf("null.marker and %s may not be equal", s[0])
			}
		}
	}
	var err error
	if p.headersSeparator, err = regexp.Compile(separator); err != nil {
		return nil, fmt.Errorf("headers.separator %q is not a regular expression: %w", separator, err)
	}
	return &lineReader{src: src, prop: p}, nil
}

// next returns the next record, valid until its batch is sent, or io.EOF.
func (l *lineReader) next() (*kgo.Record, error) {
	line, err := l.line()
	if err != nil {
		return nil, err
	}
	l.lines++
	if len(l.records) == 0 {
		l.records = make([]kgo.Record, recordSlab)
	}
	r := &l.records[0]
	l.records = l.records[1:]
	return r, l.parse(r, line)
}

// line returns the next line without its end, "\n" or "\r\n".
func (l *lineReader) line() ([]byte, error) {
	scanned := l.from
	for {
		if i := bytes.IndexByte(l.chunk[scanned:], '\n'); i >= 0 {
			line := l.chunk[l.from : scanned+i]
			l.from = scanned + i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		if l.err != nil {
			line := l.chunk[l.from:]
			l.from = len(l.chunk)
			if len(line) == 0 {
				return nil, l.err
			}
			return line, nil
		}
		scanned = len(l.chunk) - l.from
		l.fill()
		scanned += l.from
	}
}

// fill reads more. Where the chunk is full, the unfinished line moves to a new one: records still point into the old.
func (l *lineReader) fill() {
	if len(l.chunk) == cap(l.chunk) {
		rest := l.chunk[l.from:]
		size := lineChunkBytes
		for size < 2*len(rest) {
			size *= 2
		}
		l.chunk = append(make([]byte, 0, size), rest...)
		l.from = 0
	}
	n, err := l.src.Read(l.chunk[len(l.chunk):cap(l.chunk)])
	l.chunk = l.chunk[:len(l.chunk)+n]
	l.err = err
}

func (l *lineReader) parse(r *kgo.Record, line []byte) error {
	p := &l.prop
	rest := line
	var err error
	if p.parseHeaders {
		var headers []byte
		if headers, rest, err = l.cut(line, rest, p.headersDelimiter, "headers delimiter"); err != nil {
			return err
		}
		if headers != nil && !p.isNull(headers) {
			if r.Headers, err = l.headers(headers); err != nil {
				return err
			}
		}
	}
	if p.parseKey {
		var key []byte
		if key, rest, err = l.cut(line, rest, p.keySeparator, "key separator"); err != nil {
			return err
		}
		if key != nil && !p.isNull(key) {
			r.Key = key
		}
	}
	if !p.isNull(rest) {
		r.Value = rest
	}
	return nil
}

func (p *lineProperties) isNull(field []byte) bool {
	return p.nullMarker != nil && bytes.Equal(field, p.nullMarker)
}

// cut splits at the first separator. Without one it is an error, or, with ignore.error, there is no such field (nil).
func (l *lineReader) cut(line, s, separator []byte, name string) (field, rest []byte, err error) {
	at := bytes.Index(s, separator)
	if at >= 0 {
		return s[:at:at], s[at+len(separator):], nil
	}
	if l.prop.ignoreError {
		return nil, s, nil
	}
	return nil, nil, fmt.Errorf("No %s found on line number %d: '%s'", name, l.lines, line)
}

func (l *lineReader) headers(field []byte) ([]kgo.RecordHeader, error) {
	var out []kgo.RecordHeader
	for _, pair := range splitJava(l.prop.headersSeparator, string(field)) {
		key, value, found := strings.Cut(pair, string(l.prop.headerKeySeparator))
		switch {
		case !found && !l.prop.ignoreError:
			return nil, fmt.Errorf("No header key separator found in pair '%s' on line number %d", pair, l.lines)
		case !found || l.prop.isNull([]byte(value)):
			out = append(out, kgo.RecordHeader{Key: key})
		default:
			out = append(out, kgo.RecordHeader{Key: key, Value: []byte(value)})
		}
	}
	return out, nil
}

// splitJava is String.split: an empty match at the start yields no empty first part, and empty parts at the end are dropped.
func splitJava(re *regexp.Regexp, s string) []string {
	var out []string
	last := 0
	for _, m := range re.FindAllStringIndex(s, -1) {
		if m[1] == 0 || m[0] == m[1] && m[0] == len(s) {
			continue
		}
		out = append(out, s[last:m[0]])
		last = m[1]
	}
	if last == 0 {
		return []string{s}
	}
	out = append(out, s[last:])
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// interruptible reads until ctx ends, even where a read of the source would wait for ever: nobody types the line after Ctrl-C.
type interruptible struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to be told
	src io.Reader
}

// Read gives p up for good when it is interrupted.
func (i *interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := i.src.Read(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}
