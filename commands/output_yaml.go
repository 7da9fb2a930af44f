package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
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

// yamlWriter writes JSON as block-style YAML. It knows the plain cases; how to quote a string is asked of the library, and where a
// string would be laid out over lines the library writes the whole document.
type yamlWriter struct {
	out    []byte
	dec    *json.Decoder
	quoted map[string]string // strings that are not plain, as YAML
}

func (y *yamlWriter) write(w io.Writer, view any) error {
	data, err := json.Marshal(view)
	if err != nil {
		return err
	}
	y.out, y.dec = y.out[:0], json.NewDecoder(bytes.NewReader(data))
	y.dec.UseNumber()
	switch err := y.value("", ""); {
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

// value writes the next value. lead is what stands between its parent and a scalar or an empty collection, indent what its own lines
// begin with; a collection's first line is written without it if it follows a dash.
func (y *yamlWriter) value(lead, indent string) error {
	token, err := y.dec.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		return y.collection(v, lead, indent)
	case string:
		text, err := y.scalar(v)
		if err != nil {
			return err
		}
		y.line(lead, text)
	case nil:
		y.line(lead, "null")
	default: // a number or a truth value, spelled as in JSON
		y.line(lead, fmt.Sprint(v))
	}
	return nil
}

func (y *yamlWriter) line(lead, text string) {
	y.out = append(append(append(y.out, lead...), text...), '\n')
}

func (y *yamlWriter) collection(open json.Delim, lead, indent string) error {
	if !y.dec.More() {
		y.line(lead, map[json.Delim]string{'[': "[]", '{': "{}"}[open])
		_, err := y.dec.Token()
		return err
	}
	first := ""
	switch {
	case lead == "": // the document itself
	case strings.HasSuffix(lead, "- "):
		first = lead
	default:
		y.out = append(append(y.out, strings.TrimSuffix(lead, " ")...), '\n')
		first = indent
	}
	for ; y.dec.More(); first = indent {
		if open == '[' {
			if err := y.value(first+"- ", indent+"  "); err != nil {
				return err
			}
			continue
		}
		token, err := y.dec.Token()
		if err != nil {
			return err
		}
		name := token.(string)
		if len(name) > 60 {
			return errYAMLLines
		}
		key, err := y.scalar(name)
		if err != nil {
			return err
		}
		if err := y.value(first+key+": ", indent+"  "); err != nil {
			return err
		}
	}
	_, err := y.dec.Token()
	return err
}

var (
	yamlPlain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)
	yamlWord  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// scalar is a string as YAML writes it.
func (y *yamlWriter) scalar(s string) (string, error) {
	if yamlPlain.MatchString(s) && !yamlWord.MatchString(s) {
		return s, nil
	}
	if text, ok := y.quoted[s]; ok {
		return text, nil
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) || len(s) > 60 && strings.Contains(s, " ") {
		return "", errYAMLLines
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := libraryYAML(&b, data); err != nil {
		return "", err
	}
	text := strings.TrimSuffix(b.String(), "\n")
	y.quoted[s] = text
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
