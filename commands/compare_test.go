package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A comparison is one command line of testdata/compare/*.txt with what Apache Kafka's own tool answered to it, normalised:
//
//	# a comment; "# sorted" above a command says that the order of stdout's lines means nothing
//	f|name|a line of the file $DIR/name
//	$ topics --bootstrap-server $B --list
//	o|a line of stdout
//	e|a line of stderr
//	= 0
//
// Where kgo differs on purpose, a line "# kgo: reason" is followed after the original's answer by kgo's own, marked ko|, ke|
// and k=. The files are recorded by `go test -tags interop -run TestCompareWithApache -record ./commands`.
//
// "# kgo-exit N: reason" says that only the exit code differs. A line "! ..." is run by Apache Kafka's tool before the next
// command, to prepare something.
type comparison struct {
	head   []string // comments, files and preparations above the command
	line   string
	want   answer
	differ *answer // kgo's own answer
	sorted bool
}

// expected is what kgo shall answer.
func (c *comparison) expected() answer {
	if c.differ != nil {
		return *c.differ
	}
	want := c.want
	for _, l := range c.head {
		if rest, ok := strings.CutPrefix(l, "# kgo-exit "); ok {
			fmt.Sscan(rest, &want.code)
		}
	}
	return want
}

// answer is what a command prints, and its exit code.
type answer struct {
	out, err []string
	code     int
}

func (a answer) String() string { return strings.Join(a.lines(""), "\n") }

func (a answer) lines(mark string) []string {
	var all []string
	for _, l := range a.out {
		all = append(all, mark+"o|"+l)
	}
	for _, l := range a.err {
		all = append(all, mark+"e|"+l)
	}
	eq := "= "
	if mark != "" {
		eq = mark + "= "
	}
	return append(all, fmt.Sprintf("%s%d", eq, a.code))
}

func readComparisons(t *testing.T, path string) []*comparison {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []*comparison
	var head []string
	var c *comparison
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "$ "):
			c = &comparison{head: head, line: line[2:], sorted: slices.Contains(head, "# sorted")}
			if slices.ContainsFunc(head, func(l string) bool { return strings.HasPrefix(l, "# kgo: ") }) {
				c.differ = &answer{}
			}
			all, head = append(all, c), nil
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "f|"), strings.HasPrefix(line, "! "):
			head = append(head, line)
		case c == nil || line == "":
		case strings.HasPrefix(line, "o|"):
			c.want.out = append(c.want.out, line[2:])
		case strings.HasPrefix(line, "e|"):
			c.want.err = append(c.want.err, line[2:])
		case strings.HasPrefix(line, "= "):
			fmt.Sscan(line[2:], &c.want.code)
		case strings.HasPrefix(line, "ko|"):
			c.differ.out = append(c.differ.out, line[3:])
		case strings.HasPrefix(line, "ke|"):
			c.differ.err = append(c.differ.err, line[3:])
		case strings.HasPrefix(line, "k= "):
			fmt.Sscan(line[3:], &c.differ.code)
		default:
			t.Fatalf("%s: cannot read %q", path, line)
		}
	}
	return all
}

// prepare writes the files that stand above a command and returns its words.
func (c *comparison) prepare(t *testing.T, dir, bootstrap string) []string {
	t.Helper()
	files := make(map[string]string)
	for _, l := range c.head {
		if rest, ok := strings.CutPrefix(l, "f|"); ok {
			name, text, _ := strings.Cut(rest, "|")
			files[name] += text + "\n"
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return splitWords(strings.NewReplacer("$B", bootstrap, "$C", controllerOf(bootstrap), "$DIR", dir).Replace(c.line))
}

// controllerOf is the address of the controller beside the broker: its port is 1000 higher.
func controllerOf(bootstrap string) string {
	host, port, _ := strings.Cut(bootstrap, ":")
	n, _ := strconv.Atoi(port)
	return fmt.Sprintf("%s:%d", host, n+1000)
}

// setUp runs the preparations above a command.
func (c *comparison) setUp(t *testing.T, bootstrap string) {
	t.Helper()
	for _, l := range c.head {
		if rest, ok := strings.CutPrefix(l, "! "); ok {
			cmd := exec.CommandContext(t.Context(), os.Getenv("KAFKA_LAB_CMD"), splitWords(strings.ReplaceAll(rest, "$B", bootstrap))...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", l, err, out)
			}
		}
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

var (
	logLine   = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d .*\] (ERROR|WARN|INFO) |^\[main\] |^\[.*\] (ERROR|WARN|INFO) |^WARN `)
	stackLine = regexp.MustCompile(`^\s+at |^Caused by: |^\s+\.\.\. \d+ more|^\s+Suppressed: |^ \((org|kafka)\.[\w.$]+\)$`)
	exception = regexp.MustCompile(`^(Exception in thread "\w+" )?((java|org|com|kafka|joptsimple)\.[\w.$]*(Exception|Error))(: |$)`)
	dataDir   = regexp.MustCompile(`"logDir":"[^"]*"`)
	dataDirs  = regexp.MustCompile(`"log_dirs":\["/[^\]]*\]`)
	choices   = regexp.MustCompile(`^(Option .* takes .*options|.*Valid \w+ are): `)
	masks     = []struct {
		re   *regexp.Regexp
		with string
	}{
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?`), "<TIME>"},
		{regexp.MustCompile(`\b\d{13}\b`), "<EPOCH_MS>"},
		{regexp.MustCompile(`(TopicId: |topic ID |topicId=|DirectoryId: |directory_id": ")[A-Za-z0-9_-]{22}`), "$1<ID>"},
		{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<UUID>"},
	}
)

// normalise drops what the originals repeat on stderr as log lines and stack traces, and masks what differs from run to run.
func normalise(out, errOut, bootstrap, dir string, code int, sorted bool) answer {
	a := answer{code: code}
	clean := func(text string, noise bool) []string {
		text = strings.ReplaceAll(strings.ReplaceAll(text, bootstrap, "$B"), dir, "$DIR")
		_, port, _ := strings.Cut(bootstrap, ":")
		text = strings.ReplaceAll(text, "localhost:"+port, "$B")
		_, controller, _ := strings.Cut(controllerOf(bootstrap), ":")
		text = strings.ReplaceAll(strings.ReplaceAll(text, controllerOf(bootstrap), "$C"), " "+controller, " $C_PORT")
		text = strings.ReplaceAll(text, " "+port, " $PORT")
		text = dataDir.ReplaceAllString(text, `"logDir":"<LOG_DIR>"`)
		text = dataDirs.ReplaceAllString(text, `"log_dirs":["<LOG_DIR>"]`)
		for _, m := range masks {
			text = m.re.ReplaceAllString(text, m.with)
		}
		var lines []string
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "Option ") && strings.Contains(line, " Description ") {
				return append(lines, "<OPTION_TABLE>")
			}
			line = strings.Replace(line, ". Enable debug logging for additional detail.", "", 1)
			if strings.Contains(line, "following scenarios: ") {
				line = line[:strings.Index(line, "scenarios: ")]
			}
			if i := strings.Index(line, "supports operations ["); i >= 0 {
				names := strings.Split(strings.Trim(line[i+len("supports operations "):], "[]"), ", ")
				slices.Sort(names)
				line = line[:i] + "supports operations [" + strings.Join(names, ", ") + "]"
			}
			if choices.MatchString(line) { // listed in the order of a hash set that differs from run to run
				names := strings.Split(line[strings.Index(line, ": ")+2:], ", ")
				slices.Sort(names)
				line = line[:strings.Index(line, ": ")+2] + strings.Join(names, ", ")
			}
			if noise {
				if logLine.MatchString(line) || stackLine.MatchString(line) || strings.HasPrefix(line, "Did you mean --") {
					continue
				}
				if m := exception.FindString(line); m != "" {
					for ; m != ""; m = exception.FindString(line) {
						line = line[len(m):]
					}
					repeated := slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, line) })
					if line == "" || repeated || len(a.out) > 0 {
						continue
					}
				}
			}
			lines = append(lines, strings.TrimRight(line, "\r"))
		}
		return lines
	}
	a.out = clean(out, false)
	for i, l := range a.out { // some tools print their stack traces to stdout
		if exception.MatchString(l) && i > 0 && (i+1 < len(a.out) && stackLine.MatchString(a.out[i+1]) || strings.HasSuffix(a.out[i-1], l[len(exception.FindString(l)):])) {
			a.out = a.out[:i]
			break
		}
	}
	a.err = clean(errOut, true)
	for len(a.err) > 0 && a.err[len(a.err)-1] == "" {
		a.err = a.err[:len(a.err)-1]
	}
	if sorted {
		for i, l := range a.out { // a list of which only the first line has a blank before its tab
			if strings.HasPrefix(l, " \t") {
				a.out[i] = l[1:]
			}
		}
		slices.Sort(a.out)
	}
	return a
}

// runKgo runs a command line in this process.
func runKgo(words []string) (out, errOut string, code int) {
	streams, outBuf, errBuf := TestIO("")
	f := NewFactory(streams)
	f.Getenv = func(string) string { return "" }
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	code = Run(ctx, f, append([]string{"kgo"}, words...))
	return outBuf.String(), errBuf.String(), code
}

// compareAll runs every command line of a file and compares.
func compareAll(t *testing.T, path, bootstrap string) {
	t.Helper()
	dir := t.TempDir()
	for _, c := range readComparisons(t, path) {
		words := c.prepare(t, dir, bootstrap)
		c.setUp(t, bootstrap)
		want := c.expected()
		out, errOut, code := runKgo(words)
		got := normalise(out, errOut, bootstrap, dir, code, c.sorted)
		// A broker may learn of a change a moment after the controller has confirmed it.
		readOnly := strings.Contains(c.line, "-list") || strings.Contains(c.line, "-describe")
		for deadline := time.Now().Add(2 * time.Second); readOnly && got.String() != want.String() && time.Now().Before(deadline); {
			out, errOut, code = runKgo(words)
			got = normalise(out, errOut, bootstrap, dir, code, c.sorted)
		}
		if got.String() != want.String() {
			t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", c.line, got, want)
		}
	}
}

func writeComparisons(t *testing.T, path string, all []*comparison) {
	t.Helper()
	var b bytes.Buffer
	for i, c := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, l := range c.head {
			fmt.Fprintln(&b, l)
		}
		fmt.Fprintln(&b, "$ "+c.line)
		fmt.Fprintln(&b, c.want)
		if c.differ != nil {
			fmt.Fprintln(&b, strings.Join(c.differ.lines("k"), "\n"))
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
