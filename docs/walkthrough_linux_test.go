//go:build slow

package docs

import "testing"

// TestWalkthrough runs every command of the walk-through and compares what it prints; -update writes it instead.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	doc, err := readTranscript("walkthrough.md", true)
	if err != nil {
		t.Fatal(err)
	}
	newWorld(t).play(doc)
}
