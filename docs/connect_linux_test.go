package docs

import "testing"

// TestConnectPage runs every command of the page on Connect, the textbook's example, and compares what it prints.
func TestConnectPage(t *testing.T) {
	t.Parallel()
	doc, err := readTranscript("connect.md", true)
	if err != nil {
		t.Fatal(err)
	}
	newWorld(t).play(doc)
}
