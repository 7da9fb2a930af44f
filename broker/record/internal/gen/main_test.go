package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent regenerates everything beside the committed tables and compares.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	committed, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "schema"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{recordTable, requestTable} {
		raw, err := os.ReadFile(filepath.Join(committed, table))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, table), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	if err := generate(); err != nil {
		t.Fatal(err)
	}
	fresh, _ := filepath.Glob("*_gen.go")
	for _, name := range append(fresh, "schema/requests_gen.go") {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(committed, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./broker/record (%v)", name, err)
		}
	}
}

func TestTablesReadBackAsWritten(t *testing.T) {
	for _, name := range []string{recordTable, requestTable} {
		messages, err := readTableFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		writeTable(&out, messages)
		again, err := readTable(bytes.NewReader(out.Bytes()))
		if err != nil || len(again) != len(messages) || len(messages) < 80 {
			t.Errorf("%s: %d messages became %d (%v)", name, len(messages), len(again), err)
		}
	}
}
