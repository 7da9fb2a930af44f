package commands

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"

	"github.com/kgo-project/kgo/commands/opt"
)

// format is how a tool prints its result.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
	formatYAML format = "yaml"
)

// outputFormat reads --output.
func outputFormat(set *opt.Set) (format, error) {
	v, err := set.Value("output")
	if err != nil {
		return "", err
	}
	return parseFormat(v)
}

// parseFormat reads the value of --output; text where there is none.
func parseFormat(v string) (format, error) {
	switch out := format(strings.ToLower(v)); out {
	case formatText, formatJSON, formatYAML:
		return out, nil
	case "":
		return formatText, nil
	}
	return "", opt.Usagef("--output %s: choose text, json or yaml", v)
}

// write prints a result: as the original's text, or its view struct as JSON or YAML. The json tags of a view are the
// documented schema of both.
func (out format) write(w io.Writer, view any, text func(io.Writer) error) error {
	switch out {
	case formatJSON:
		return writeJSON(w, view)
	case formatYAML:
		return writeYAML(w, view)
	default:
		return text(w)
	}
}

// writeJSON writes a list item by item: a large cluster's would be in memory several times over.
func writeJSON(w io.Writer, view any) error {
	const indent = "  "
	list := reflect.ValueOf(view)
	if list.Kind() != reflect.Slice || list.Len() == 0 {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", indent)
		return enc.Encode(view)
	}
	var item bytes.Buffer
	enc := json.NewEncoder(&item)
	enc.SetEscapeHTML(false)
	enc.SetIndent(indent, indent)
	lead := "[\n" + indent
	for i := range list.Len() {
		item.Reset()
		item.WriteString(lead)
		if err := enc.Encode(list.Index(i).Interface()); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimSuffix(item.Bytes(), []byte("\n"))); err != nil {
			return err
		}
		lead = ",\n" + indent
	}
	_, err := io.WriteString(w, "\n]\n")
	return err
}
