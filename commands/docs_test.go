package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandPagesAreCurrent keeps docs/commands in step with the commands; -update writes it.
func TestCommandPagesAreCurrent(t *testing.T) {
	streams, _, _ := TestIO("")
	for _, c := range newRootCmd(NewFactory(streams)).Commands() {
		if c.GroupID != groupTools {
			continue
		}
		help, _, code := runKgo([]string{c.Name(), "--help"})
		if code != 0 {
			t.Errorf("kgo %s --help: exit code %d", c.Name(), code)
		}
		var page strings.Builder
		fmt.Fprintf(&page, "# kgo %s\n\n%s.\n\n```\n%s\n```\n\n## Examples\n\n```\n%s\n```\n\n## Options\n\n```\n", c.Name(), c.Short, c.Long, unindent(c.Example))
		for line := range strings.Lines(help) {
			page.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
		page.WriteString("```\n")
		path := filepath.Join("..", "docs", "commands", c.Name()+".md")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != page.String() {
			t.Errorf("%s is stale: go test ./commands -run TestCommandPages -update", path)
		}
	}
}
