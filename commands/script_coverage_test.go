package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryCommandHasAScript holds testdata/script against the list of commands: each is run as a process with ordinary use and with
// at least two user errors.
func TestEveryCommandHasAScript(t *testing.T) {
	scripts, err := filepath.Glob("../testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	good, bad := make(map[string]int), make(map[string]int)
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		for line := range strings.Lines(script) {
			words := strings.Fields(line)
			for i, w := range words[:max(0, len(words)-1)] {
				switch {
				case w != "kgo":
				case words[0] == "status" && words[1] != "0" || words[0] == "!" && i == 1:
					bad[words[i+1]]++
				default:
					good[words[i+1]]++
				}
			}
		}
	}
	streams, _, _ := TestIO("")
	for _, c := range newRootCmd(NewFactory(streams)).Commands() {
		name := c.Name()
		switch {
		case c.Hidden && bad[name] == 0:
			t.Errorf("kgo %s: no script asks what replaced it", name)
		case c.Hidden || name == "help":
		case good[name] == 0 || bad[name] < 2:
			t.Errorf("kgo %s: %d ordinary uses and %d user errors in testdata/script", name, good[name], bad[name])
		}
	}
}
