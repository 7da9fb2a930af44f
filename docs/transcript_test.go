// Package docs tests the documents: each command that they show is run, and what it prints is compared with what they say.
package docs

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

var update = flag.Bool("update", false, "write into the documents what the commands print instead of comparing it")

// step is a command of a transcript and what it prints.
//
//	$ kgo topics --list          a command; "kafka-01$" runs it on the machine of that name
//	first                        what it prints, standard error included; a line of three dots stands for any lines
//	[exit 1]                     its exit code, where that isn't 0
//	>hello                       typed at a prompt of a command that asks for input
//	^C                           the key that ends a command once it has printed what stands above
//	>^D                          the key that ends one that asks for input
type step struct {
	line    int // of the command in its file
	machine string
	command string
	typed   []string
	key     string // what ends it: ^C, whose exit code is not shown, ^D or nothing
	want    []string
	exit    int
	masks   []*regexp.Regexp

	first, last int // the lines of the file with the answer: [first, last)
}

// transcript is a document with its ```console blocks parsed.
type transcript struct {
	path  string
	lines []string
	steps []*step
}

var (
	commandLine = regexp.MustCompile(`^([a-z0-9-]*)\$ (.+)$`)
	promptLine  = regexp.MustCompile(`^(?:>|\[zk: [^\]]*\] )(.*)$`)
	exitLine    = regexp.MustCompile(`^\[exit (\d+)\]$`)
	hereDoc     = regexp.MustCompile(`<<'?(\w+)'?`)
	maskLine    = regexp.MustCompile(`^<!-- varies: (.*) -->$`)
)

// readTranscript parses a document; fenced tells whether only its ```console blocks are commands, as in Markdown.
func readTranscript(path string, fenced bool) (*transcript, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := &transcript{path: path, lines: strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")}
	inside := !fenced
	var current *step
	var masks []*regexp.Regexp
	for i := 0; i < len(t.lines); i++ {
		line := t.lines[i]
		switch {
		case fenced && line == "```console":
			inside, current = true, nil
		case fenced && strings.HasPrefix(line, "```"):
			inside, masks = false, nil
		case maskLine.MatchString(line):
			re, err := regexp.Compile(maskLine.FindStringSubmatch(line)[1])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
			masks = append(masks, re)
		case !inside, !fenced && strings.HasPrefix(line, "# "):
			current = nil
		case !fenced && line == "" && t.endsStep(i+1):
			current, masks = nil, nil
		case commandLine.MatchString(line):
			m := commandLine.FindStringSubmatch(line)
			current = &step{line: i + 1, machine: m[1], command: m[2], masks: slices.Clone(masks)}
			for strings.HasSuffix(t.lines[i], `\`) && i+1 < len(t.lines) {
				i++
				current.command += "\n" + t.lines[i]
			}
			if end := hereDoc.FindStringSubmatch(current.command); end != nil {
				for i+1 < len(t.lines) && t.lines[i] != end[1] {
					i++
					current.command += "\n" + t.lines[i]
				}
			}
			current.first, current.last = i+1, i+1
			t.steps = append(t.steps, current)
		case current != nil:
			current.answer(line)
			current.last = i + 1
		}
	}
	return t, nil
}

// endsStep reports whether what follows an empty line is no answer to a command.
func (t *transcript) endsStep(next int) bool {
	if next >= len(t.lines) {
		return true
	}
	line := t.lines[next]
	return line == "" || strings.HasPrefix(line, "# ") || commandLine.MatchString(line) || maskLine.MatchString(line)
}

// answer takes a line below a command.
func (s *step) answer(line string) {
	switch m := exitLine.FindStringSubmatch(line); {
	case m != nil:
		fmt.Sscan(m[1], &s.exit)
		return
	case line == "^C":
		s.key = "^C"
		s.want = append(s.want, line)
		return
	}
	if m := promptLine.FindStringSubmatch(line); m != nil && s.asks() {
		if m[1] == "^D" || m[1] == "^C" {
			s.key = m[1]
			s.want = append(s.want, strings.TrimSuffix(line, m[1]))
			return
		}
		s.typed = append(s.typed, m[1])
	}
	s.want = append(s.want, line)
}

// asks tells whether the command reads what a person types.
func (s *step) asks() bool {
	return (strings.Contains(s.command, "console-producer") || strings.Contains(s.command, "zookeeper-shell")) && !strings.ContainsAny(s.command, "|<&")
}

// observes tells whether the command only looks: it may be run again until it shows what is expected.
var observing = regexp.MustCompile(`--describe|--list\b|list-endpoints|connect .*list|get-offsets|lab .*status|metadata-quorum|dump-log|topics --list|broker-api-versions|^(ls|cat|head|tail|wc|grep|sort|diff|du|jobs|curl -s [^-]|nc) ?`)

func (s *step) observes() bool {
	return len(s.typed) == 0 && s.key == "" && observing.MatchString(s.command)
}

// What differs from run to run, and what stands for it.
var changing = []struct {
	re *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)?`), "<date>"},
	{regexp.MustCompile(`\b1[5-9]\d{11}\b`), "<time>"},
	{regexp.MustCompile(`console-consumer-\d+`), "console-consumer-<n>"},
	{regexp.MustCompile(`localhost:\d+ +\(\d+\)`), "<coordinator>"},
	{regexp.MustCompile(`crc: \d+`), "crc: <crc>"},
	{regexp.MustCompile(`/(127\.0\.0\.1|0:0:0:0:0:0:0:1|\[::1\])`), "/<host>"},
	{regexp.MustCompile(`-{4,}`), "----"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

var identifier = regexp.MustCompile(`[A-Za-z0-9_-]{22,}`)

// mask replaces what differs from run to run.
func (s *step) mask(line string) string {
	for _, re := range s.masks {
		line = re.ReplaceAllString(line, "<varies>")
	}
	for _, c := range changing {
		line = c.re.ReplaceAllString(line, c.as)
	}
	line = identifier.ReplaceAllStringFunc(line, func(id string) string {
		if len(id) == 22 && strings.ContainsAny(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strings.ContainsAny(id, "abcdefghijklmnopqrstuvwxyz") {
			return "<id>"
		}
		return id
	})
	return strings.TrimSpace(line)
}

func (s *step) maskAll(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		out = append(out, s.mask(l))
	}
	for len(out) > 0 && out[len(out)-1] == "" { // an empty line at an end is of no account
		out = out[:len(out)-1]
	}
	for len(out) > 0 && out[0] == "" {
		out = out[1:]
	}
	return out
}

// matchesBefore tells whether the command shows what it should before the key that ends it.
func (s *step) matchesBefore(got []string) bool {
	at := slices.Index(s.want, "^C")
	return at < 0 || matchLines(s.maskAll(s.want[:at]), s.maskAll(got))
}

var partitionNumber = regexp.MustCompile(`Partition: \d+`)

// matches tells whether the command printed what the document shows. A new topic's partitions begin at a broker of the controller's choice: a
// description may show the lines of the document under other partitions' numbers.
func (s *step) matches(got []string) bool {
	want, have := s.maskAll(s.want), s.maskAll(got)
	if matchLines(want, have) {
		return true
	}
	if !strings.Contains(s.command, "--describe") && !strings.Contains(s.command, "list") {
		return false
	}
	for _, lines := range [][]string{want, have} {
		for i := range lines {
			lines[i] = partitionNumber.ReplaceAllString(lines[i], "Partition: <n>")
		}
		slices.Sort(lines)
	}
	return matchLines(want, have)
}

// matchLines compares lines; "..." stands for any number of them.
func matchLines(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == "..." {
		for skip := 0; skip <= len(got); skip++ {
			if matchLines(want[1:], got[skip:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && want[0] == got[0] && matchLines(want[1:], got[1:])
}
