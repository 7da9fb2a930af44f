package commands

import (
	"bytes"
	"regexp"
	"testing"
)

// screen is a terminal that shows colours.
type screen struct{ bytes.Buffer }

func (*screen) colored() bool { return true }

// escapes are the sequences that colour; the tests name them.
var escapes = regexp.MustCompile("\x1b\\[([0-9;]+)m")

// visible replaces the sequences that begin a colour by its name in angle brackets, and those that end one by <>.
func visible(text string) string {
	names := map[string]string{"1": "<bold>", "31": "<red>", "33": "<yellow>", "36": "<cyan>"}
	return escapes.ReplaceAllStringFunc(text, func(seq string) string {
		if name := names[escapes.FindStringSubmatch(seq)[1]]; name != "" {
			return name
		}
		return "<>"
	})
}

func TestWhatNeedsAttentionIsColored(t *testing.T) {
	for _, c := range []struct {
		what, want string
		print      func(*screen)
	}{
		{"a partition that lacks a replica", "\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: <yellow>1<>\tElr: N/A\tLastKnownElr: N/A\n", func(s *screen) {
			(&partitionView{Leader: 1, Replicas: []int32{1, 2}, Isr: []int32{1}}).print(s, "t")
		}},
		{"a partition without a leader", "\tTopic: t\tPartition: 0\tLeader: <red>none<>\tReplicas: 1\tIsr: \tElr: 1\tLastKnownElr: \n", func(s *screen) {
			(&partitionView{Leader: -1, Replicas: []int32{1}, Elr: []int32{1}, LastKnownElr: []int32{}}).print(s, "t")
		}},
		{"a partition in good health", "\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: N/A\tLastKnownElr: N/A\n", func(s *screen) {
			(&partitionView{Leader: 1, Replicas: []int32{1}, Isr: []int32{1}}).print(s, "t")
		}},
		{"a table", "<bold>GROUP<>    <bold>LAG<> <bold>STATE<>\ng        <yellow>3<>   Stable\ng        0   <yellow>Assigning<>\ng        -   <red>Dead<>\n", func(s *screen) {
			printTable(s, []int{8, 3, 0}, [][]string{{"GROUP", "LAG", "STATE"}, {"g", "3", "Stable"}, {"g", "0", "Assigning"}, {"g", "-", "Dead"}}, "")
		}},
		{"a table of kgo's own", "<bold>NODE<>  <bold>STATE<>                <bold>LAG<>\nk1    <red>stopped<>              -\nk2    <yellow>paused, cut from k1<>  <yellow>2<>\n", func(s *screen) {
			printAligned(s, [][]string{{"NODE", "STATE", "LAG"}, {"k1", "stopped", "-"}, {"k2", "paused, cut from k1", "2"}})
		}},
		{"an error", "\n<red>Error:<> Deletion failed: so\n", func(s *screen) { say(s, "\nError: Deletion failed: %s\n", "so") }},
		{"an error whose label is a sentence", "<red>Error while executing topic command :<> no: way\n", func(s *screen) { say(s, "Error while executing topic command : %s\n", "no: way") }},
		{"an error without a label", "<red>Error<> with args '--a b:c'\n", func(s *screen) { say(s, "Error with args '%s'\n", "--a b:c") }},
		{"a warning", "<yellow>WARN<> New offset: 5\n", func(s *screen) { say(s, "WARN New offset: %d\n", 5) }},
		{"a message", "Deletion: done\n", func(s *screen) { say(s, "Deletion: done\n") }},
	} {
		s := new(screen)
		if c.print(s); visible(s.String()) != c.want {
			t.Errorf("%s: got %q, want %q", c.what, visible(s.String()), c.want)
		}
	}
}

func TestNothingButATerminalIsColored(t *testing.T) {
	var b bytes.Buffer
	say(&b, "Error: %d\n", 1)
	(&partitionView{Leader: -1, Replicas: []int32{1}}).print(&b, "t")
	if escapes.MatchString(b.String()) {
		t.Errorf("%q", b.String())
	}
}
