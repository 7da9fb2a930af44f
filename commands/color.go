package commands

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/fatih/color"
	"golang.org/x/term"
)

// shade says why a text stands out. What that looks like is decided here and nowhere else.
type shade int

const (
	unmarked shade = iota
	heading        // what names the things below it
	failure        // errors, and what is out of service
	caution        // warnings, and what is behind
	planned        // what a dry run would do
)

var shades = map[shade]*color.Color{
	heading: pencil(color.Bold), failure: pencil(color.FgRed), caution: pencil(color.FgYellow), planned: pencil(color.FgCyan),
}

// pencil colours always: whether to colour at all is asked of the writer.
func pencil(look color.Attribute) *color.Color {
	c := color.New(look)
	c.EnableColor()
	return c
}

// coloring is a writer that knows whether a person looks at what is written to it.
type coloring interface{ colored() bool }

func showsColor(w io.Writer) bool {
	c, ok := w.(coloring)
	return ok && c.colored()
}

// paint colours a text that goes to a writer. On anything but a terminal it stays as it is, so that scripts see the originals' bytes.
func paint(w io.Writer, s shade, text string) string {
	if s == unmarked || text == "" || !showsColor(w) {
		return text
	}
	return shades[s].Sprint(text)
}

// wantsColor tells that a file is a terminal that shows colours, and that its user has nothing against them (no-color.org).
func wantsColor(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// states are those of groups, brokers, connectors and the lab's nodes that a person should see.
var states = map[string]shade{
	"Dead": failure, "PreparingRebalance": caution, "CompletingRebalance": caution, "Assigning": caution, "Reconciling": caution, "NotReady": caution,
	"fenced": failure,
	"FAILED": failure, "PAUSED": caution, "STOPPED": caution, "UNASSIGNED": caution,
	"stopped": failure, "paused": caution,
}

// shadeOf tells which cells of a table stand out, by the name of their column.
func shadeOf(column, cell string) shade {
	switch strings.ToUpper(column) {
	case "LAG", "OFFSET-LAG":
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil && n > 0 {
			return caution
		}
	case "FAILED":
		if cell != "0" {
			return failure
		}
	case "STATE":
		state, _, _ := strings.Cut(cell, ",") // the lab adds whom a node is cut from
		return states[state]
	case "STATUS":
		if strings.HasPrefix(cell, "Error") {
			return failure
		}
	}
	return unmarked
}

// say writes a message; the word with which it says that it is an error or a warning stands out.
func say(w io.Writer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	start := len(text) - len(strings.TrimLeft(text, "\n"))
	end := start + labelLength(text[start:])
	s := unmarked
	switch strings.ToLower(text[start:min(start+4, len(text))]) {
	case "erro":
		s = failure
	case "warn":
		s = caution
	}
	fmt.Fprint(w, text[:start]+paint(w, s, text[start:end])+text[end:])
}

// labelLength is how much of a message is its label: "Error:", "WARN" and "Error while executing topic command :" are.
func labelLength(text string) int {
	word, _, _ := strings.Cut(text, " ")
	if end := strings.IndexAny(text, ":'\""); end >= 0 && text[end] == ':' && word != strings.ToUpper(word) {
		return end + 1
	}
	return len(word)
}
