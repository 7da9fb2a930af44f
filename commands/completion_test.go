package commands

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write generated files instead of comparing them")

// TestCompletionScriptsAreCurrent fails when completion/ is stale; -update writes it.
func TestCompletionScriptsAreCurrent(t *testing.T) {
	streams, _, _ := TestIO("")
	scripts, err := completionScripts(newRootCmd(NewFactory(streams)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range scripts {
		path := filepath.Join("..", "completion", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is stale: go test ./commands -run TestCompletion -update", path)
		}
	}
}

// complete asks as the shell does.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	out, _, _ := runKgo(append([]string{"__completeNoDesc"}, words...))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[:len(lines)-1] // the last one is the directive
}

func TestCompletionOffersOptionsAndValues(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"topics", "--"}, "--bootstrap-server"},
		{[]string{"topics", "--output", ""}, "yaml"},
		{[]string{"topics", "--output="}, "json"}, // the shells keep the prefix
		{[]string{"topics", "--create", "--config", ""}, "retention.ms="},
		{[]string{"configs", "--entity-type", ""}, "client-metrics"},
		{[]string{"cluster", ""}, "list-endpoints"},
		{[]string{"cluster", "unregister", "--"}, "--id"},
		{[]string{"top"}, "topics"},
	} {
		if got := complete(t, c.words...); !slices.Contains(got, c.want) {
			t.Errorf("%v: %v does not hold %s", c.words, got, c.want)
		}
	}
	for _, gone := range []string{"--zookeeper", "--force"} {
		if slices.Contains(complete(t, "topics", "--"), gone) {
			t.Errorf("%s is offered", gone)
		}
	}
}

// TestCompletionOfADeadClusterIsEmpty: a prompt does not hang, whatever stands where the cluster should be. How long it takes is logged: only
// a wait for the tools' own ten seconds fails the test.
func TestCompletionOfADeadClusterIsEmpty(t *testing.T) {
	for name, address := range map[string]string{
		"refuses": "127.0.0.1:1", "silent": listen(t, mute), "closes": listen(t, func(net.Conn) {}), "has no name": "no-such-host.invalid:9092",
		"advertises what does not answer": listen(t, bootstrapOnly(listen(t, mute))),
	} {
		for _, option := range []string{"--topic", "--group"} {
			began := time.Now()
			if got := complete(t, "consumer-groups", "--bootstrap-server", address, option, ""); len(got) != 0 {
				t.Errorf("%s: got %v", name, got)
			}
			took := time.Since(began)
			if t.Logf("%s, %s: %s", name, option, took.Round(time.Millisecond)); took > 5*time.Second {
				t.Errorf("%s: it took %s", name, took)
			}
		}
	}
}

func TestCompletionKnowsTheOlderWaysToNameACluster(t *testing.T) {
	address := startKgo(t, nil).bootstrap
	if _, errOut, code := runKgo([]string{"topics", "--bootstrap-server", address, "--create", "--topic", "old-ways"}); code != 0 {
		t.Fatal(errOut)
	}
	for _, words := range [][]string{
		{"topics", "--bootstrap-server", address, "--topic", ""},
		{"topics", "--bootstrap-server=" + address, "--topic="},
		{"topics", "-bootstrap-server", address, "-topic", ""},
		{"console-consumer", "--zookeeper", address, "--topic", ""},
		{"console-producer", "--broker-list", address, "--topic", ""},
	} {
		if got := complete(t, words...); !slices.Contains(got, "old-ways") {
			t.Errorf("%v: %v", words, got)
		}
	}
}
