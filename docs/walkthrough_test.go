package docs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const koreanPlaceholder = "[[BLOCK]]" // for a block of the English page: -update fills it in

// blocks are a document's fenced blocks and what stands between them.
func blocks(t *testing.T, path string) (fenced, prose []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), koreanPlaceholder, "```console\n```")
	for i, part := range strings.Split("\n"+text, "\n```") {
		if i%2 == 1 {
			fenced = append(fenced, part)
		} else {
			prose = append(prose, part)
		}
	}
	return fenced, prose
}

// TestTranslationShowsTheSameCommands: both pages have the same blocks, so one run proves both. -update copies the English ones.
func TestTranslationShowsTheSameCommands(t *testing.T) {
	english, _ := blocks(t, "walkthrough.md")
	korean, prose := blocks(t, "walkthrough.ko.md")
	if len(english) != len(korean) {
		t.Fatalf("walkthrough.md has %d blocks, walkthrough.ko.md %d", len(english), len(korean))
	}
	if *update {
		var out strings.Builder
		for i, p := range prose {
			out.WriteString(p)
			if i < len(english) {
				out.WriteString("\n```" + english[i] + "\n```")
			}
		}
		if err := os.WriteFile("walkthrough.ko.md", []byte(strings.TrimPrefix(out.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i := range english {
		if english[i] != korean[i] {
			t.Errorf("block %d of walkthrough.ko.md differs: go test ./docs -run TestTranslation -update\n%s", i+1, korean[i])
		}
	}
	if !slices.ContainsFunc(prose, func(p string) bool { return strings.Contains(p, "카프카") }) {
		t.Error("walkthrough.ko.md is not in Korean")
	}
}
