package file

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
)

// parser finds the records in what has been read of a file.
type parser interface {
	// next returns the value of the first record of the tail's buffer and its length with what ends it; 0 if it isn't whole yet.
	// With a length, an error is about that record alone. skip: there is no value, as of a header.
	next(t *tail) (v connect.Value, length int, skip bool, err error)
}

// lineParser takes lines as they are. They end with \n, \r\n or \r.
type lineParser struct{}

func (lineParser) next(t *tail) (connect.Value, int, bool, error) {
	end, length := lineEnd(t.buf)
	if length == 0 && t.ended && len(t.buf) > 0 { // the last line of a complete file
		end, length = len(bytes.TrimSuffix(t.buf, []byte("\r"))), len(t.buf)
	}
	if length == 0 {
		return connect.Value{}, 0, false, nil
	}
	return connect.Value{Schema: connect.StringSchema, Data: connect.DecodeUTF8(t.buf[:end])}, length, false, nil
}

// lineEnd finds the end of the first line, and where the next begins; a \r at the end of the buffer may be half of a \r\n and
// waits for what follows.
func lineEnd(b []byte) (end, next int) {
	end = bytes.IndexByte(b, '\n')
	next = end + 1
	part := b
	if end >= 0 {
		part = b[:end]
	}
	if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
		if cr+1 == len(b) {
			return 0, 0
		}
		end, next = cr, cr+1
		if b[next] == '\n' {
			next++
		}
	}
	return end, next
}

// jsonParser takes each line as a JSON document; empty lines are passed over.
type jsonParser struct{}

func (jsonParser) next(t *tail) (connect.Value, int, bool, error) {
	v, length, _, _ := lineParser{}.next(t)
	if length == 0 {
		return v, 0, false, nil
	}
	line := bytes.TrimSpace(t.buf[:length])
	if len(line) == 0 {
		return v, length, true, nil
	}
	data, err := converters.ParseJSON(line)
	return connect.Value{Data: data}, length, false, err
}

// csvParser takes records of comma-separated values, whose quoted values may have line ends. A value is a struct of strings.
type csvParser struct {
	csvOptions
	columns []string // of schema
	schema  *connect.Schema
}

func (p *csvParser) next(t *tail) (connect.Value, int, bool, error) {
	length := csvEnd(t.buf)
	if length == 0 && t.ended {
		length = len(t.buf)
	}
	if length == 0 {
		return connect.Value{}, 0, false, nil
	}
	r := csv.NewReader(strings.NewReader(connect.DecodeUTF8(t.buf[:length])))
	r.Comma, r.FieldsPerRecord = p.delimiter, -1
	row, err := r.Read()
	if errors.Is(err, io.EOF) { // an empty line
		return connect.Value{}, length, true, nil
	}
	if err != nil {
		return connect.Value{}, length, false, err
	}
	if p.header && t.position == 0 {
		t.columns = row
		return connect.Value{}, length, true, nil
	}
	names := p.csvOptions.columns
	if len(names) == 0 {
		names = t.columns
	}
	s := p.schemaFor(names, len(row))
	v := connect.NewStruct(s)
	for i := range v.Values {
		if i < len(row) {
			v.Values[i] = row[i]
		}
	}
	return connect.Value{Schema: s, Data: v}, length, false, nil
}

// schemaFor makes the schema of rows; columns without a name are called c1, c2 and so on.
func (p *csvParser) schemaFor(names []string, count int) *connect.Schema {
	names = slices.Clip(names)
	for i := len(names); i < count; i++ {
		names = append(names, "c"+strconv.Itoa(i+1))
	}
	if p.schema != nil && slices.Equal(names, p.columns) {
		return p.schema
	}
	s := &connect.Schema{Type: connect.StructType}
	for _, name := range names {
		s.Fields = append(s.Fields, connect.Field{Name: name, Schema: connect.OptionalStringSchema})
	}
	p.columns, p.schema = names, s
	return s
}

// csvEnd is the length of the first record: up to the end of a line outside of quotes.
func csvEnd(b []byte) int {
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			return i + 1
		}
	}
	return 0
}

// readHeader reads the columns' names of a file in whose middle reading goes on.
func (p *csvParser) readHeader(path string, zipped bool) ([]string, error) {
	head := &tail{path: path, gzip: zipped}
	if ok, err := head.open(); !ok {
		return nil, err
	}
	defer head.close() //nolint:errcheck // only read
	for {
		if n, err := head.read(); err != nil || n == 0 {
			return nil, err
		}
		if csvEnd(head.buf) > 0 {
			_, _, _, err := p.next(head)
			return head.columns, err
		}
	}
}
