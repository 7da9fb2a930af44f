package commands

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestInstallLinks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	if _, errOut, code := runKgo([]string{"install-links", dir}); code != 0 {
		t.Fatal(errOut)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if cmd := dispatch([]string{e.Name()}); len(cmd) != 1 {
			t.Errorf("%s runs no command", e.Name())
		}
	}
	if !slices.Contains(names, "kafka-topics.sh") && !slices.Contains(names, "kafka-topics.exe") {
		t.Errorf("%v", names)
	}
	if _, errOut, code := runKgo([]string{"install-links", dir}); code != 0 {
		t.Errorf("a second time: %s", errOut)
	}
	foreign := filepath.Join(dir, names[0])
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, code := runKgo([]string{"install-links", dir}); code != 1 {
		t.Errorf("a foreign file is overwritten: exit code %d", code)
	}
	if _, errOut, code := runKgo([]string{"install-links", "--force", dir}); code != 0 {
		t.Error(errOut)
	}
	if _, _, code := runKgo([]string{"install-links"}); code != 2 {
		t.Errorf("no folder: exit code %d", code)
	}
}
