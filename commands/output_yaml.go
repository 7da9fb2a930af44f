package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// writeYAML goes through JSON so that both formats have the same names and order. A list is written item by item: a large cluster's
// would need gigabytes as a tree.
func writeYAML(w io.Writer, view any) error {
	y := yamlWriter{quoted: make(map[string]string)}
	list := reflect.ValueOf(view)
	if list.Kind() != reflect.Slice || list.Len() == 0 {
		return y.write(w, view)
	}
	for i := range list.Len() {
		if err := y.write(w, list.Slice(i, i+1).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// yamlWriter writes JSON, as json.Marshal lays it out, as block-style YAML. It knows the plain cases; how to quote a string is asked of the library, and
// where a string would be laid out over lines the library writes the whole document.
type yamlWriter struct {
	in, out []byte
	quoted  map[string]string // JSON strings that are not plain, as YAML
}

// What a value may stand behind.
const (
	alone      = 0
	behindDash = '-'
	behindKey  = ':'
)

func (y *yamlWriter) write(w io.Writer, view any) error {
	data, err := json.Marshal(view)
	if err != nil {
		return err
	}
	y.in, y.out = data, y.out[:0]
	switch err := y.value(0, alone); {
	case err == errYAMLLines: //nolint:errorlint // never wrapped
		return libraryYAML(w, data)
	case err != nil:
		return err
	}
	_, err = w.Write(y.out)
	return err
}

// errYAMLLines says that a string is better laid out by the library.
var errYAMLLines = errors.New("a string of several lines")

// value writes the next value. A collection's lines are indented by so many blanks, but for the one that follows a dash.
func (y *yamlWriter) value(indent int, behind byte) error {
	switch y.in[0] {
	case '{', '[':
		return y.collection(indent, behind)
	case '"':
		text, err := y.scalar(y.takeString())
		if err != nil {
			return err
		}
		y.line(behind, text)
	default: // a number, a truth value or null: spelled as in JSON
		end := bytes.IndexAny(y.in, ",]}")
		if end < 0 {
			end = len(y.in)
		}
		y.line(behind, y.in[:end])
		y.in = y.in[end:]
	}
	return nil
}

// takeString takes a string with its quotes off the front.
func (y *yamlWriter) takeString() []byte {
	end := 1
	for y.in[end] != '"' {
		if y.in[end] == '\\' {
			end++
		}
		end++
	}
	s := y.in[:end+1]
	y.in = y.in[end+1:]
	return s
}

func (y *yamlWriter) line(behind byte, text []byte) {
	if behind != alone {
		y.out = append(y.out, ' ')
	}
	y.out = append(append(y.out, text...), '\n')
}

func (y *yamlWriter) collection(indent int, behind byte) error {
	const longestName = 62          // with its quotes
	open, end := y.in[0], y.in[0]+2 // as ASCII has it
	if y.in[1] == end {
		y.line(behind, y.in[:2])
		y.in = y.in[2:]
		return nil
	}
	if behind == behindKey {
		y.out = append(y.out, '\n')
	}
	for first := true; y.in[0] != end; first = false {
		y.in = y.in[1:] // the bracket or a comma
		if first && behind == behindDash {
			y.out = append(y.out, ' ')
		} else {
			for range indent {
				y.out = append(y.out, ' ')
			}
		}
		next := byte(behindDash)
		if open == '{' {
			name := y.takeString()
			if len(name) > longestName {
				return errYAMLLines
			}
			key, err := y.scalar(name)
			if err != nil {
				return err
			}
			y.out = append(y.out, key...)
			y.in = y.in[1:] // the colon
			next = behindKey
		}
		y.out = append(y.out, next)
		if err := y.value(indent+2, next); err != nil {
			return err
		}
	}
	y.in = y.in[1:]
	return nil
}

var yamlWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// yamlPlain tells whether a string needs no quotes whatever YAML's version: a name or a path.
func yamlPlain(s []byte) bool {
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '/':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	const longestWord = 5
	return len(s) > 0 && (len(s) > longestWord || !slices.ContainsFunc(yamlWords, func(w string) bool { return strings.EqualFold(w, string(s)) }))
}

// scalar is a JSON string as YAML writes it.
func (y *yamlWriter) scalar(encoded []byte) ([]byte, error) {
	if plain := encoded[1 : len(encoded)-1]; yamlPlain(plain) {
		return plain, nil
	}
	if text, ok := y.quoted[string(encoded)]; ok {
		return []byte(text), nil
	}
	var s string
	if err := json.Unmarshal(encoded, &s); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) || len(s) > 60 && strings.Contains(s, " ") {
		return nil, errYAMLLines
	}
	var b bytes.Buffer
	if err := libraryYAML(&b, encoded); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	y.quoted[string(encoded)] = string(text)
	return text, nil
}

func libraryYAML(w io.Writer, data []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	blockStyle(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// blockStyle turns the flow style of JSON into the one people write.
func blockStyle(n *yaml.Node) {
	if len(n.Content) > 0 {
		n.Style &^= yaml.FlowStyle
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style &^= yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}
