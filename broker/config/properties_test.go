package config

import (
	"strings"
	"testing"
)

func TestProperties(t *testing.T) {
	text := "# comment\n! another\n\n  a = 1 \nb:2\nc 3\nd\n e\\ f\\=g = h\\ti\\u00e9\\\n    j\\\n\nk==l\nm:=n\nlong=one,\\\r\n  two\r\nlast=\\\\\nesc=\\q\nx=\\ud83d\\ude00\nlog.dirs=/a"
	want := [][3]any{
		{"a", "1 ", 4},
		{"b", "2", 5},
		{"c", "3", 6},
		{"d", "", 7},
		{"e f=g", "h\tiéj", 8},
		{"k", "=l", 11},
		{"m", "=n", 12},
		{"long", "one,two", 13},
		{"last", `\`, 15},
		{"esc", "q", 16},
		{"x", "😀", 17},
		{"log.dirs", "/a", 18},
	}
	got, err := ParseProperties("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if i >= len(got) || got[i].Key != w[0] || got[i].Value != w[1] || got[i].Origin.Line != w[2] {
			t.Errorf("entry %d: want %q, got %+v", i, w, got[min(i, len(got)-1)])
		}
	}
	if _, err := ParseProperties("f", []byte("a=1\nlog.dirs=C:\\users")); err == nil || !strings.HasPrefix(err.Error(), "f:2: ") {
		t.Errorf("a broken escape: %v", err)
	}
}

func FuzzProperties(f *testing.F) {
	for _, seed := range []string{"a=b\\\n c", "\\u0041=\\ud83d", "a\\", "#\\\nx=y", "k\t:\tv\r\rz"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		settings, err := ParseProperties("f", text)
		if err != nil {
			return
		}
		n := 0
		for _, s := range settings {
			n += len(s.Key) + len(s.Value)
		}
		if n > 2*len(text) {
			t.Errorf("%d bytes became %d", len(text), n)
		}
		layers := &Layers{Static: settings}
		_, _ = layers.Resolve()
		_ = layers.warnings()
		z := zooReader{given: settings, Coordinator: &Coordinator{}}
		z.read()
	})
}
