package docs

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// licenseOf names the license in a module's folder by words that only its text has.
func licenseOf(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "LICEN[SC]E*"))
	if err != nil || len(files) == 0 {
		return "", cmp.Or(err, fmt.Errorf("%s has no license", dir))
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return "", err
	}
	text := strings.Join(strings.Fields(string(raw)), " ")
	for _, l := range []struct{ name, words string }{
		{"Apache-2.0", "Apache License"},
		{"MPL-2.0", "Mozilla Public License"},
		{"MIT", "Permission is hereby granted, free of charge"},
		{"BSD-3-Clause", "Neither the name"},
		{"BSD-2-Clause", "Redistributions in binary form"},
		{"ISC", "Permission to use, copy, modify"},
	} {
		if strings.Contains(text, l.words) {
			return l.name, nil
		}
	}
	return "", fmt.Errorf("%s: a license that licenseOf doesn't know", files[0])
}

// TestLicenses keeps docs/licenses.md in step with what is linked into kgo; -update writes it.
func TestLicenses(t *testing.T) {
	modules := make(map[string]string)
	for _, goos := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "../cmd/kgo")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				modules[path] = dir
			}
		}
	}
	var rows []string
	for path, dir := range modules {
		name, err := licenseOf(dir)
		if err != nil {
			t.Error(err)
		}
		rows = append(rows, fmt.Sprintf("| [%s](https://pkg.go.dev/%s) | %s |\n", path, path, name))
	}
	slices.Sort(rows)
	page := "# What kgo is made of\n\nkgo is licensed under the Apache License 2.0. These modules are linked into its binary, on one system or another, beside Go's standard\n" +
		"library (BSD-3-Clause). The table is made by `go test ./docs -run TestLicenses -update`.\n\n| module | license |\n| --- | --- |\n" + strings.Join(rows, "")
	if *update {
		if err := os.WriteFile("licenses.md", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile("licenses.md"); err != nil || string(got) != page {
		t.Error("docs/licenses.md is stale: go test ./docs -run TestLicenses -update")
	}
}
