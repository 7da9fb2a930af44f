package commands

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// difference is a row of docs/differences.md.
type difference struct{ id, shownBy string }

func readDifferences(t *testing.T) []difference {
	t.Helper()
	text, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []difference
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| id |") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, ""), "|"), "|")
		first, last := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[len(cells)-1])
		if len(cells) != 6 || !regexp.MustCompile("^`[a-z0-9-]+`$").MatchString(first) {
			t.Errorf("docs/differences.md: a row has to be | `id` | where | the original | kgo | why | shown by |:\n%s", line)
			continue
		}
		all = append(all, difference{strings.Trim(first, "`"), last})
	}
	return all
}

// TestEveryDifferenceHasAReason: docs/differences.md is the one place of reasons. Each that a comparison names stands there, and each that
// it says is shown by the tables or by a test is.
func TestEveryDifferenceHasAReason(t *testing.T) {
	rows := make(map[string]string)
	for _, d := range readDifferences(t) {
		if _, twice := rows[d.id]; twice {
			t.Errorf("docs/differences.md has %s twice", d.id)
		}
		rows[d.id] = d.shownBy
	}
	used := make(map[string]int)
	lines := 0
	for _, all := range readTables(t) {
		if all.lacks != "" {
			used["no-"+all.lacks] += len(all.lines)
		}
		for _, c := range all.lines {
			lines++
			for _, id := range c.reasons() {
				used[id]++
				if _, ok := rows[id]; !ok {
					t.Errorf("%s: $ %s differs for the reason %q, which docs/differences.md does not have", all.path, c.line, id)
				}
			}
			if len(c.differ) > 0 && len(c.reasons()) == 0 {
				t.Errorf("%s: $ %s differs without a reason", all.path, c.line)
			}
		}
	}
	tests := testNames(t)
	counts := make(map[string]int)
	for id, shownBy := range rows {
		kind := shownBy
		switch name := strings.Trim(shownBy, "`"); {
		case shownBy == "table" && used[id] == 0:
			t.Errorf("docs/differences.md: no line of the tables shows %s: remove the row, or say what shows it", id)
		case shownBy != "table" && used[id] > 0:
			t.Errorf("docs/differences.md: %s is shown by the table", id)
		case strings.HasPrefix(name, "Test"):
			kind = "a test"
			if !tests[name] {
				t.Errorf("docs/differences.md: %s is shown by %s, and there is no such test", id, name)
			}
		case shownBy != "table" && shownBy != "masked" && shownBy != "no test":
			t.Errorf("docs/differences.md: %s is shown by %q: write table, masked, no test or a test's name", id, shownBy)
		}
		counts[kind]++
	}
	t.Logf("%d command lines; %d differences: %v", lines, len(rows), counts)
}

// testNames are the tests of this tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
