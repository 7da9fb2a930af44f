package file

import (
	"bytes"
	"encoding/csv"
	"fmt"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
)

// encoder writes values in the format of a file.
type encoder interface {
	// begin writes what stands at the beginning of a file; empty tells whether there is nothing in it yet.
	begin(b *[]byte, empty bool) error
	// append writes a value, or nothing if it fails.
	append(b []byte, v connect.Value) ([]byte, error)
}

func newEncoder(config connect.Config) (encoder, error) {
	switch config.Or("format", "line") {
	case "json":
		c, err := converters.New("JsonConverter", connect.Config{"schemas.enable": "false"}, false)
		return &jsonEncoder{c}, err
	case "csv":
		return &csvEncoder{csvOptions: newCSV(config)}, nil
	}
	return lineEncoder{}, nil
}

type lineEncoder struct{}

func (lineEncoder) begin(*[]byte, bool) error { return nil }

func (lineEncoder) append(b []byte, v connect.Value) ([]byte, error) {
	return append(connect.AppendText(b, v.Data), '\n'), nil
}

// jsonEncoder writes a JSON document a line, without schemas.
type jsonEncoder struct{ converter connect.Converter }

func (*jsonEncoder) begin(*[]byte, bool) error { return nil }

func (e *jsonEncoder) append(b []byte, v connect.Value) ([]byte, error) {
	if v.Data == nil {
		return append(b, "null\n"...), nil
	}
	doc, err := e.converter.FromConnect("", v)
	if err != nil {
		return b, err
	}
	return append(append(b, doc...), '\n'), nil
}

// csvEncoder writes structs and maps as records of CSV. The columns are csv.columns, or those of the first value.
type csvEncoder struct {
	csvOptions
	pending bool // the header waits for the first value's columns
}

func (e *csvEncoder) begin(b *[]byte, empty bool) error {
	e.pending = false
	if !empty || !e.header {
		return nil
	}
	if len(e.columns) == 0 {
		e.pending = true
		return nil
	}
	out, err := e.row(*b, e.columns)
	*b = out
	return err
}

func (e *csvEncoder) append(b []byte, v connect.Value) ([]byte, error) {
	start := len(b)
	var get func(column string) any
	var own []string
	switch d := v.Data.(type) {
	case *connect.Struct:
		for _, f := range d.Schema.Fields {
			own = append(own, f.Name)
		}
		get = func(column string) any {
			v, _ := d.Get(column)
			return v
		}
	case *connect.Map:
		for k := range d.All {
			own = append(own, connect.Text(k))
		}
		get = func(column string) any {
			v, _ := d.Get(column)
			return v
		}
	default:
		return b, connect.DataErrorf(nil, fmt.Sprintf("format=csv needs structs or maps, found %T", v.Data))
	}
	if len(e.columns) == 0 {
		e.columns = own
	}
	var err error
	if e.pending {
		if b, err = e.row(b, e.columns); err != nil {
			return b[:start], err
		}
		e.pending = false
	}
	row := make([]string, len(e.columns))
	for i, column := range e.columns {
		if v := get(column); v != nil {
			row[i] = connect.Text(v)
		}
	}
	return e.row(b, row)
}

func (e *csvEncoder) row(b []byte, values []string) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = e.delimiter
	if err := w.Write(values); err != nil {
		return b, err
	}
	w.Flush()
	return append(b, out.Bytes()...), w.Error()
}
