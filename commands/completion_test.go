package commands

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
		{[]string{"topics", "--output="}, "--output=json"},
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

func TestCompletionOfADeadClusterIsEmpty(t *testing.T) {
	if got := complete(t, "topics", "--bootstrap-server", "127.0.0.1:1", "--topic", ""); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
