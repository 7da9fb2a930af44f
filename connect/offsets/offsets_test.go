package offsets

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// written by Apache Kafka 4.3.1's worker.
const apacheFile = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c770800000010000000017572" +
	"00025b42acf317f8060854e002000078700000000f5b22736f75726365222c7b2261223a317d5d7571007e00020000000e7b22706f736974696f6e223a387d78"

func TestFileOfApachesWorkerIsReadAndWritten(t *testing.T) {
	raw, err := hex.DecodeString(apacheFile)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "offsets")
	// The length of the shortened key in the constant follows the key.
	raw = bytes.Replace(raw, []byte("\x00\x00\x00\x0f[\"source"), []byte("\x00\x00\x00\x12[\"source"), 1)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, ok := f.Get(`["source",{"a":1}]`)
	if !ok || string(v) != `{"position":8}` {
		t.Fatalf("got %q, %v", v, ok)
	}
	if err := f.Set(map[string][]byte{}); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(again, raw) {
		t.Fatalf("written back differently:\n%x\n%x, %v", again, raw, err)
	}
}

func TestSetSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "offsets")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(map[string][]byte)
	for i := range 40 {
		changes[string(rune('a'+i))] = []byte{byte(i)}
	}
	changes["gone"] = nil
	if err := f.Set(changes); err != nil {
		t.Fatal(err)
	}
	if f, err = OpenFile(path); err != nil {
		t.Fatal(err)
	}
	if got := len(f.Keys("")); got != 40 {
		t.Fatalf("%d keys", got)
	}
	if v, _ := f.Get("b"); len(v) != 1 || v[0] != 1 {
		t.Fatalf("got %v", v)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode([]entry{{[]byte("k"), []byte("v")}, {[]byte("l"), nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decode(b)
		if err != nil {
			return
		}
		if _, err := decode(encode(entries)); err != nil {
			t.Fatal(err)
		}
	})
}
