package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManPages: every command has its page, with all its options, and man renders it without a complaint where there is one.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if _, errOut, code := runKgo([]string{"man-pages", dir}); code != 0 {
		t.Fatal(code, errOut)
	}
	streams, _, _ := TestIO("")
	f := NewFactory(streams)
	root := newRootCmd(f)
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/nobody's home"
	}
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, "kgo-"+c.Name()+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(raw)
		for _, want := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", roff(c.Short)} {
			if !strings.Contains(page, want) {
				t.Errorf("kgo-%s.1 lacks %q", c.Name(), want)
			}
		}
		if strings.Contains(page, home+"/") {
			t.Errorf("kgo-%s.1 names this machine's %s", c.Name(), home)
		}
		if spec := f.specs[c.Name()]; spec != nil {
			for _, o := range spec.Options {
				if o.Gone == "" && !o.Ignored && !strings.Contains(page, roff("--"+o.Name)) {
					t.Errorf("kgo-%s.1 lacks --%s", c.Name(), o.Name)
				}
			}
		}
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "kgo.1")); err != nil || !strings.Contains(string(raw), `kgo topics`) {
		t.Error("kgo.1", err)
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Log("groff is not there: the pages are not rendered")
		return
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		cmd := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(page), err, out)
		}
	}
}
