package commands

import (
	"encoding/json"
	"io"
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
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(view)
	case formatYAML:
		return writeYAML(w, view)
	default:
		return text(w)
	}
}
