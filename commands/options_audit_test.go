package commands

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// auditedOption is a line of testdata/options/kafka.tsv.
type auditedOption struct {
	tool, last, name, arity, fallback string
}

func (o auditedOption) current() bool { return o.last == "+" }

func readAudit(t *testing.T) []auditedOption {
	t.Helper()
	file, err := os.Open("../testdata/options/kafka.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []auditedOption
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			f := strings.Split(line, "\t")
			all = append(all, auditedOption{f[0], f[1], f[2], f[3], f[4]})
		}
	}
	if len(all) < 700 {
		t.Fatalf("only %d options", len(all))
	}
	return all
}

// silentDefaults are defaults that the tools apply themselves because no usage text shows them.
var silentDefaults = []string{"features version-mapping --release-version", "storage version-mapping --release-version", "storage format --release-version", "transactions list --duration-filter"}

// TestEveryOptionOfKafkaIsKnown holds the declarations against the list of what Apache Kafka's tools take: each option of 4.3.1
// with its argument and default, and each of an older release with an answer.
func TestEveryOptionOfKafkaIsKnown(t *testing.T) {
	streams, _, _ := TestIO("")
	f := NewFactory(streams)
	root := newRootCmd(f)
	current, older, missing := 0, 0, map[string]int{}
	for _, o := range readAudit(t) {
		name, sub, _ := strings.Cut(o.tool, " ")
		cmd, _, err := root.Find([]string{name})
		switch {
		case err != nil || cmd == root:
			missing[name]++
			continue
		case cmd.Hidden: // says what replaced it
			older++
			continue
		}
		spec := f.specs[name]
		if spec == nil {
			if auditFlags(t, cmd, sub, o) {
				current++
			}
			continue
		}
		if sub != "" {
			if spec = spec.SubCommand(sub); spec == nil {
				t.Errorf("%s: no such sub-command", o.tool)
				continue
			}
		}
		if o.current() {
			current++
			auditCurrent(t, spec, o)
		} else {
			older++
			auditOlder(t, spec, o)
		}
	}
	for name, n := range missing {
		t.Logf("%s: not a command yet, %d options", name, n)
	}
	t.Logf("%d current options, %d older ones", current, older)
}

func auditCurrent(t *testing.T, spec *opt.Spec, o auditedOption) {
	t.Helper()
	if o.name == "help" && spec.Prog != "" || o.name == "" {
		return // usage-line tools answer it before any option
	}
	have := spec.Lookup(o.name)
	if have == nil {
		// The sub-commands of a usage-line tool take what stands before them as well.
		if o.name != "help" {
			t.Errorf("%s: --%s is missing", o.tool, o.name)
		}
		return
	}
	if have.Extra || have.Means != "" || have.Gone != "" || have.Ignored {
		t.Errorf("%s: --%s is an option of Kafka %s, but declared as an older or own one", o.tool, o.name, kafkaVersion)
	}
	want := map[byte][]opt.Arg{'0': {opt.NoArg}, '1': {opt.Required, opt.OneOrMore}, '?': {opt.Optional}}[o.arity[0]]
	if !slices.Contains(want, have.Arg) {
		t.Errorf("%s: --%s takes argument kind %d, want %s", o.tool, o.name, have.Arg, o.arity)
	}
	if spec.Prog == "" && o.arity[0] != '0' && strings.HasSuffix(o.arity, "r") != have.Repeat {
		t.Errorf("%s: --%s repeatable: %v, want %s", o.tool, o.name, have.Repeat, o.arity)
	}
	if o.fallback != "" && !slices.Contains(silentDefaults, o.tool+" --"+o.name) && have.Arg != opt.NoArg && strings.TrimPrefix(have.Default, "\x00") != o.fallback {
		t.Errorf("%s: --%s has the default %q, want %q", o.tool, o.name, have.Default, o.fallback)
	}
}

func auditOlder(t *testing.T, spec *opt.Spec, o auditedOption) {
	t.Helper()
	have := spec.Lookup(o.name)
	switch {
	case have == nil:
		t.Errorf("%s: the older --%s is unknown", o.tool, o.name)
	case have.Means != "" && spec.Lookup(have.Means) == nil:
		t.Errorf("%s: the older --%s means --%s, which does not exist", o.tool, o.name, have.Means)
	case have.Gone == "" && (o.arity[0] == '0') != (have.Arg == opt.NoArg):
		t.Errorf("%s: the older --%s takes argument kind %d, want %s", o.tool, o.name, have.Arg, o.arity)
	}
}

// auditFlags looks an option up among the flags of a command that is no mirrored tool, such as server.
func auditFlags(t *testing.T, cmd *cobra.Command, sub string, o auditedOption) bool {
	t.Helper()
	for _, c := range cmd.Commands() {
		if c.Name() == sub {
			cmd = c
		}
	}
	name := o.name
	if words := scriptSpelling([]string{cmd.Name(), "-" + name}); len(words) == 1 || name == "version" && cmd.Version != "" {
		return true // answered before the flags are parsed
	}
	if name == "help" || name == "" || name == "h" {
		return true
	}
	if cmd.Flags().Lookup(name) == nil && !(len(name) == 1 && cmd.Flags().ShorthandLookup(name) != nil) && !cmd.DisableFlagParsing {
		if strings.HasPrefix(o.tool, "connect-") { // -daemon of the script: a service manager's business
			return false
		}
		t.Errorf("%s: --%s is missing", o.tool, name)
		return false
	}
	return true
}
