package commands

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHelpIsTheOriginals compares --help of every mirrored tool with what Apache Kafka's prints: kgo's own options follow it.
func TestHelpIsTheOriginals(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/help/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden help texts", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, errOut, code := runKgo(append(strings.Fields(name), "--help"))
			if code != 0 || errOut != "" {
				t.Fatalf("exit code %d, stderr %q", code, errOut)
			}
			if !strings.HasPrefix(out, string(want)) {
				t.Errorf("got:\n%s\nwant:\n%s", out, want)
			}
		})
	}
}

// TestEveryToolExplainsItself walks the commands: each has a short and a long text and an example.
func TestEveryToolExplainsItself(t *testing.T) {
	streams, _, _ := TestIO("")
	root := newRootCmd(NewFactory(streams))
	for _, c := range root.Commands() {
		if c.GroupID != groupTools {
			continue
		}
		if c.Short == "" || c.Long == "" || c.Example == "" {
			t.Errorf("%s: Short, Long and Example have to be written", c.Name())
		}
	}
}

func TestNamesOfScriptsSelectTheCommand(t *testing.T) {
	for _, name := range []string{"kafka-topics.sh", "kafka-topics", "/opt/kafka/bin/kafka-topics.sh", `C:\kafka\bin\windows\kafka-topics.bat`, "kafka-topics.exe"} {
		if got := dispatch([]string{name, "--list"}); len(got) != 2 || got[0] != "topics" {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{"kgo", "kgo.exe", "/usr/bin/kgo", "kgo-devel"} {
		if got := dispatch([]string{name, "topics", "--list"}); len(got) != 2 || got[0] != "topics" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestUnknownCommandSuggestsOne(t *testing.T) {
	_, errOut, code := runKgo([]string{"topcis"})
	if code != 2 || !strings.Contains(errOut, "did you mean topics?") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}

func TestUnknownOptionSuggestsOne(t *testing.T) {
	for wrong, meant := range map[string]string{"--bootstrap": "bootstrap-server", "--LIST": "list", "--descibe": "describe"} {
		_, errOut, code := runKgo([]string{"topics", wrong})
		if code != 1 || !strings.HasSuffix(errOut, "is not a recognized option\nDid you mean --"+meant+"?\n") {
			t.Errorf("%s: exit code %d, %q", wrong, code, errOut)
		}
	}
}

func TestUnreachableClusterFailsAtOnce(t *testing.T) {
	out, _, code := runKgo([]string{"topics", "--list", "--bootstrap-server", "127.0.0.1:1"})
	if code != 1 || !strings.HasPrefix(out, "Error while executing topic command : broker 127.0.0.1:1: cannot connect (") {
		t.Errorf("exit code %d, %q", code, out)
	}
	_, errOut, code := runKgo([]string{"topics", "--list", "--bootstrap-server", "localhost"})
	if code != 1 || !strings.Contains(errOut, "Invalid url in bootstrap.servers: localhost") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}

func TestBootstrapFallsBackToTheEnvironment(t *testing.T) {
	streams, _, _ := TestIO("")
	f := NewFactory(streams)
	env := ""
	f.Getenv = func(string) string { return env }
	if got := f.Bootstrap(""); got != DefaultBootstrap {
		t.Error(got)
	}
	env = "one:9092"
	if got := f.Bootstrap(""); got != "one:9092" {
		t.Error(got)
	}
	if got := f.Bootstrap("two:9092"); got != "two:9092" {
		t.Error(got)
	}
}

// parsed runs a command line up to the point where it would act, and returns the exit code and stderr of a refusal.
func parsedTopics(t *testing.T, words ...string) *topicsOptions {
	t.Helper()
	streams, _, errOut := TestIO("")
	var got *topicsOptions
	cmd := newTopicsCmd(NewFactory(streams), func(o *topicsOptions) error { got = o; return nil })
	cmd.SetArgs(words)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		t.Fatalf("%v: %v\n%s", words, err, errOut)
	}
	return got
}

func TestTopicsOptionsAreParsed(t *testing.T) {
	o := parsedTopics(t, "-create", "--topic=a", "-partitions", "3", "--replication-factor", "2", "--config", "k = v", "--config=x=y=z")
	if o.Action != "create" || o.Topic != "a" || o.Partitions != 3 || o.Replication != 2 || len(o.Configs) != 2 {
		t.Errorf("%+v", o)
	}
	if o.Configs[0].Name != "k" || *o.Configs[0].Value != "v" || *o.Configs[1].Value != "y=z" {
		t.Errorf("%+v", o.Configs)
	}
	o = parsedTopics(t, "--create", "--topic", "a", "--replica-assignment", "1:2,2:3")
	if len(o.Assignment) != 2 || o.Assignment[1][1] != 3 || o.Partitions != -1 {
		t.Errorf("%+v", o)
	}
	o = parsedTopics(t, "--describe", "--topic-id", "AAAAAAAAAAAAAAAAAAAAAQ", "--under-replicated-partitions", "--output", "json")
	if o.TopicID[15] != 1 || !o.UnderReplicated || o.Output != formatJSON {
		t.Errorf("%+v", o)
	}
}

func TestOptionsOfOlderReleases(t *testing.T) {
	o := parsedTopics(t, "--create", "--zookeeper", "localhost:2181/kafka", "--topic", "a", "--disable-rack-aware")
	if o.Action != "create" || o.Topic != "a" {
		t.Errorf("%+v", o)
	}
	_, errOut, code := runKgo([]string{"acls", "--authorizer", "kafka.security.authorizer.AclAuthorizer", "--list"})
	if want := "Option --authorizer was removed from Kafka: use --bootstrap-server, with --command-config for credentials\n"; code != 1 || errOut != want {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}
