package commands

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestListsAreWrittenAsTheLibrariesDo compares what is written item by item with what the libraries of YAML and JSON make of the whole.
func TestListsAreWrittenAsTheLibrariesDo(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 400 {
		view := make([]any, 1+rng.IntN(4))
		for i := range view {
			view[i] = randomView(rng, 4)
		}
		var got, want bytes.Buffer
		if err := writeYAML(&got, view); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(view)
		if err != nil {
			t.Fatal(err)
		}
		var gotJSON, wantJSON bytes.Buffer
		if err := writeJSON(&gotJSON, view); err != nil {
			t.Fatal(err)
		}
		enc := json.NewEncoder(&wantJSON)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(view); err != nil || gotJSON.String() != wantJSON.String() {
			t.Fatalf("%v\n--- got\n%s--- want\n%s", err, gotJSON.String(), wantJSON.String())
		}
		if err := libraryYAML(&want, data); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("%s\n--- got\n%s--- want\n%s", data, got.String(), want.String())
		}
	}
}

func randomView(rng *rand.Rand, depth int) any {
	words := []string{
		"orders", "", "a b", "1", "true", "No", "x: y", "- x", "#5", "it's", `"q"`, "two\nlines\n", "tab\there", "ü", "1e3", "-tsU_9", "0x1F", "~", "a:b",
		"127.0.0.1:9092", "[a,b]", "{}", "*", "2026-11-21", "null", " lead", "trail ", strings.Repeat("long words ", 12), strings.Repeat("x", 200), "%", "@a", "`", "=", "<<", "🙂",
	}
	switch kind := rng.IntN(8); {
	case kind == 0 && depth > 0:
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, randomView(rng, depth-1))
		}
		return list
	case kind < 3 && depth > 0:
		m := map[string]any{}
		for range rng.IntN(5) {
			m[words[rng.IntN(len(words))]] = randomView(rng, depth-1)
		}
		return m
	case kind == 3:
		return rng.Int64N(1000) - 500
	case kind == 4:
		return rng.Float64()
	case kind == 5:
		return rng.IntN(2) == 0
	case kind == 6:
		return nil
	}
	return words[rng.IntN(len(words))]
}
