package commands

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A comparison is one command line of testdata/compare/*.txt with what Apache Kafka's own tool answered to it on Apache Kafka,
// normalised:
//
//	@ key=value      a line of the broker's server.properties, at the head of a file
//	# kgo's broker lacks: FEATURE    none of the file's lines can be run there, at the head of a file
//	! COMMAND        runs the same side's tool before the command, to prepare something
//	& NAME COMMAND   starts a tool in the background before the command; "- NAME" ends it again
//	f|name|text      a line of the file $DIR/name
//	c|name|path      the file $DIR/name is a copy of another one
//	i|text           a line of stdin; i>text is a last one without its newline
//	# sorted         the order of stdout's lines means nothing
//	# numbers        all numbers are masked, because they measure
//	$ topics --bootstrap-server $B --list
//	o|text           a line of stdout; o>text is a last one without its newline
//	e|text           a line of stderr
//	= 0              the exit code
//
// $B is the broker's address, $C the controller's, $DIR a folder of the test's own, $DATA the broker's log directory.
//
// Where kgo differs on purpose, the difference's id in docs/differences.md stands above the command and the other answer
// follows the original's, under the same marks with a prefix:
//
//	# kgo: ID        k: what kgo's tools print on Apache Kafka (and on kgo's broker, unless kb says otherwise)
//	# broker: ID     b: what Apache Kafka's tools print on kgo's broker
//	                 kb: what kgo's tools print on kgo's broker
//	# kgo-exit 1: ID only the exit code of kgo's tools differs
//
// A line "# original-is-slow: reason" keeps Apache Kafka's tool from being run again; its answer was recorded once.
//
// The files are recorded by `go test -tags interop -run TestCompareWithApache/NAME -record ./commands`.
type comparison struct {
	head   []string // comments, files and preparations above the command
	line   string
	want   *answer
	differ map[string]*answer // by prefix: k, b, kb
	slow   bool               // Apache Kafka's tool is not run again
}

var (
	answerLine = regexp.MustCompile(`^(k|b|kb)?([oe][|>]|= )(.*)$`)
	reasonLine = regexp.MustCompile(`^# (kgo|broker|kgo-exit (\d+)): (.*)$`)
)

// expected is what is to be seen with kgo's tools or Apache Kafka's, on kgo's broker or on Apache Kafka's.
func (c *comparison) expected(kgoTool, kgoBroker bool) answer {
	want, adjust := *c.want, kgoTool
	try := func(prefix string) bool {
		if a := c.differ[prefix]; a != nil {
			want, adjust = *a, false
			return true
		}
		return false
	}
	switch {
	case kgoTool && kgoBroker:
		if !try("kb") && !try("k") && try("b") {
			adjust = true
		}
	case kgoTool:
		try("k")
	case kgoBroker:
		try("b")
	}
	for _, l := range c.head {
		if m := reasonLine.FindStringSubmatch(l); adjust && m != nil && m[2] != "" {
			want.code, _ = strconv.Atoi(m[2])
		}
	}
	return want
}

// says tells whether a comment stands above the command.
func (c *comparison) says(comment string) bool { return slices.Contains(c.head, comment) }

// reasons are the ids of the differences that the comparison names.
func (c *comparison) reasons() []string {
	var ids []string
	for _, l := range c.head {
		if m := reasonLine.FindStringSubmatch(l); m != nil {
			ids = append(ids, m[3])
		}
	}
	return ids
}

// answer is what a command prints, and its exit code.
type answer struct {
	out, err []string // a last line without its newline begins with ">"
	code     int
}

func (a answer) String() string { return strings.Join(a.lines(""), "\n") }

func (a answer) lines(prefix string) []string {
	var all []string
	for stream, lines := range map[string][]string{"o": a.out, "e": a.err} {
		for _, l := range lines {
			if rest, open := strings.CutPrefix(l, openLine); open {
				all = append(all, prefix+stream+">"+rest)
			} else {
				all = append(all, prefix+stream+"|"+l)
			}
		}
	}
	slices.SortStableFunc(all, func(x, y string) int {
		return -strings.Compare(x[len(prefix):len(prefix)+1], y[len(prefix):len(prefix)+1])
	})
	return append(all, fmt.Sprintf("%s= %d", prefix, a.code))
}

// openLine marks a line that its newline is missing from.
const openLine = "\x00"

// table is a file of comparisons.
type table struct {
	name, path string
	config     []string // lines for the brokers' server.properties
	lacks      string   // what kgo's broker would need for these lines and has not yet
	lines      []*comparison
}

const lacksLine = "# kgo's broker lacks: "

// skipWhereLacking skips a table on kgo's broker.
func (all *table) skipWhereLacking(t *testing.T) {
	t.Helper()
	if all.lacks != "" {
		t.Skip("kgo's broker has no " + all.lacks + " yet")
	}
}

func readTables(t *testing.T) []*table {
	t.Helper()
	files, err := filepath.Glob("../testdata/compare/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no comparisons", err)
	}
	var all []*table
	for _, path := range files {
		all = append(all, readTable(t, path))
	}
	return all
}

func readTable(t *testing.T, path string) *table {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := &table{name: strings.TrimSuffix(filepath.Base(path), ".txt"), path: path}
	var head []string
	var c *comparison
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch m := answerLine.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "@ "):
			all.config = append(all.config, line[2:])
		case strings.HasPrefix(line, lacksLine):
			all.lacks = line[len(lacksLine):]
		case strings.HasPrefix(line, "$ "):
			c = &comparison{head: head, line: line[2:], want: new(answer), differ: make(map[string]*answer)}
			c.slow = slices.ContainsFunc(head, func(l string) bool { return strings.HasPrefix(l, "# original-is-slow: ") })
			all.lines, head = append(all.lines, c), nil
		case line == "":
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "f|"), strings.HasPrefix(line, "c|"), strings.HasPrefix(line, "i|"), strings.HasPrefix(line, "i>"),
			strings.HasPrefix(line, "! "), strings.HasPrefix(line, "& "), strings.HasPrefix(line, "- "):
			head = append(head, line)
		case m == nil || c == nil || len(head) > 0:
			t.Fatalf("%s: cannot read %q", path, line)
		default:
			a := c.want
			if m[1] != "" {
				if a = c.differ[m[1]]; a == nil {
					a = new(answer)
					c.differ[m[1]] = a
				}
			}
			a.read(m[2], mask(m[3])) // a mask may be younger than the record
		}
	}
	return all
}

func (a *answer) read(mark, text string) {
	switch mark {
	case "o|":
		a.out = append(a.out, text)
	case "o>":
		a.out = append(a.out, openLine+text)
	case "e|":
		a.err = append(a.err, text)
	case "e>":
		a.err = append(a.err, openLine+text)
	case "= ":
		a.code, _ = strconv.Atoi(text)
	}
}

func (all *table) write(t *testing.T) {
	t.Helper()
	var b bytes.Buffer
	for _, l := range all.config {
		fmt.Fprintln(&b, "@ "+l)
	}
	if all.lacks != "" {
		fmt.Fprintln(&b, lacksLine+all.lacks)
	}
	for i, c := range all.lines {
		if i > 0 || b.Len() > 0 {
			b.WriteByte('\n')
		}
		for _, l := range c.head {
			fmt.Fprintln(&b, l)
		}
		fmt.Fprintln(&b, "$ "+c.line)
		fmt.Fprintln(&b, c.want)
		for _, prefix := range []string{"k", "b", "kb"} {
			if a := c.differ[prefix]; a != nil {
				fmt.Fprintln(&b, strings.Join(a.lines(prefix), "\n"))
			}
		}
	}
	if err := os.WriteFile(all.path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// splitWords splits as a shell does, knowing single and double quotes only.
func splitWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	open := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}
