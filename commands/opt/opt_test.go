package opt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var tableSpec = &Spec{Name: "tool", Intro: "A tool.", Options: []Option{
	{Name: "list"},
	{Name: "topic", Arg: Required, Type: "String"},
	{Name: "config", Arg: Required, Repeat: true},
	{Name: "state", Arg: Optional},
	{Name: "shift-by", Arg: Optional, Type: "Long"},
	{Name: "partitions", Arg: Required, Type: "Integer"},
	{Name: "bootstrap-server", Arg: Required},
	{Name: "zookeeper", Arg: Required, Means: "bootstrap-server"},
	{Name: "old", Gone: "use --topic"},
	{Name: "force", Ignored: true},
}}

// show prints what a command line was read as.
func show(s *Set) string {
	var parts []string
	for _, name := range s.Order {
		parts = append(parts, fmt.Sprintf("%s=%q", name, s.values[name]))
	}
	if len(s.Words) > 0 {
		parts = append(parts, fmt.Sprintf("words %q", s.Words))
	}
	return strings.Join(parts, " ")
}

func TestTableToolsReadCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"--list":                                `list=[]`,
		"-list":                                 `list=[]`,
		"--list=true":                           `list=[]`,
		"--topic a":                             `topic=["a"]`,
		"-topic=a":                              `topic=["a"]`,
		"--topic=":                              `topic=[""]`,
		"--topic --list":                        `topic=["--list"]`,
		"--config a=b --config c":               `config=["a=b" "c"] config=["a=b" "c"]`,
		"--state --list":                        `state=[] list=[]`,
		"--state stable --list":                 `state=["stable"] list=[]`,
		"--shift-by -1":                         `shift-by=["-1"]`,
		"--list extra stuff":                    `list=[] words ["extra" "stuff"]`,
		"--list -- --foo":                       `list=[] words ["--foo"]`,
		"--list -":                              `list=[] words ["-"]`,
		"--zookeeper localhost:2181/ch --force": `bootstrap-server=["zookeeper://localhost:2181"] force=[]`,
	} {
		set, err := Parse(tableSpec, strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := show(set); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
	for line, want := range map[string]string{
		"--top a":   "top is not a recognized option",
		"--LIST":    "LIST is not a recognized option",
		"-zzz":      "z is not a recognized option",
		"--topic":   "Option topic requires an argument",
		"--old":     "Option --old was removed from Kafka: use --topic",
		"--unknown": "unknown is not a recognized option",
	} {
		if _, err := Parse(tableSpec, strings.Fields(line)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

func TestValuesAreConvertedWhenRead(t *testing.T) {
	set, err := Parse(tableSpec, strings.Fields("--partitions x --topic a --topic b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := set.Int("partitions"); err == nil || err.Error() != "Cannot parse argument 'x' of option partitions" {
		t.Error(err)
	}
	if _, err := set.Value("topic"); err == nil || err.Error() != "Found multiple arguments for option topic, but you asked for only one" {
		t.Error(err)
	}
}

func TestOldAndNewSpellingTogether(t *testing.T) {
	const want = "--zookeeper is an old form of --bootstrap-server: give only one of the two"
	for _, line := range []string{"--zookeeper a:1 --bootstrap-server b:2", "--bootstrap-server b:2 --zookeeper=a:1"} {
		if _, err := Parse(tableSpec, strings.Fields(line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", line, err)
		}
	}
}

var usageSpec = &Spec{Name: "tool", Prog: "kafka-tool", Sub: []*Spec{
	{Name: "list", Options: []Option{{Name: "max", Short: "m", Arg: Required, Type: "Integer", Meta: "MAX"}, {Name: "make", Arg: Required, Meta: "MAKE"}, {Name: "id", Arg: Required, Must: true, Meta: "ID"}}},
	{Name: "describe"},
}}

func TestUsageToolsReadCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"list --id 1 --max 3":        `id=["1"] max=["3"]`,
		"li --id=1 -m3":              `id=["1"] max=["3"]`,
		"list --id 1 --max -1":       `id=["1"] max=["-1"]`,
		"list --id 1 --id 2 --mak x": `id=["2"] id=["2"] make=["x"]`,
	} {
		set, err := ParseArgs(usageSpec, strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := show(set.Sub); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
	for line, want := range map[string]string{
		"":                    "too few arguments",
		"foo":                 "invalid choice: 'foo' (choose from 'list', 'describe')",
		"list":                "argument --id is required",
		"list --id":           "argument --id: expected one argument",
		"list --id 1 --ma 2":  "ambiguous option: --ma could match --make, --max",
		"list --id 1 --max x": `argument --max/-m: could not convert 'x' to Integer (For input string: "x")`,
		"list --id 1 extra":   "unrecognized arguments: 'extra'",
		"list --id 1 --nope":  "unrecognized arguments: '--nope'",
	} {
		var refused *ArgsError
		if _, err := ParseArgs(usageSpec, strings.Fields(line)); !errors.As(err, &refused) || refused.Text != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
	var wanted *HelpWanted
	if _, err := ParseArgs(usageSpec, []string{"list", "-h"}); !errors.As(err, &wanted) || len(wanted.Path) != 2 {
		t.Errorf("help: %v", err)
	}
}

func TestErrorsAreJustifiedAsInTheOriginal(t *testing.T) {
	var b strings.Builder
	e := &ArgsError{Path: []*Spec{{Prog: "verifiable-producer"}}, Text: "argument --max-messages: could not convert 'x' to Integer (For input string: \"x\")"}
	if err := WriteArgsError(&b, e); err != nil {
		t.Fatal(err)
	}
	want := "usage: verifiable-producer [-h]\nverifiable-producer: error: argument --max-messages:  could not convert 'x'\nto Integer (For input string: \"x\")\n"
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--topic a -list -- x")
	f.Add("--state --shift-by -1 -")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		if set, err := Parse(tableSpec, words); err == nil && len(set.Words) > len(words) {
			t.Error("more words than were given")
		}
		_, _ = ParseArgs(usageSpec, words)
	})
}
